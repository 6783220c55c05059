# The commands of this project. `make` alone lists them.
STACK ?= dev
PYTHON := .venv/bin/python
SANDBOX := .venv/bin/chime-sandbox
# The stack `dev` is in the sandbox, with the sandbox's backend and passphrase. All others use the AWS
# account and the Pulumi backend of the environment.
ifeq (dev,$(STACK))
unexport PULUMI_BACKEND_URL PULUMI_CONFIG_PASSPHRASE PULUMI_CONFIG_PASSPHRASE_FILE
endif
CLI := $(or $(PULUMI),pulumi)
NO_CLI = $(error the stack $(STACK) needs the Pulumi CLI, and there is no $(CLI) on PATH: \
	see https://www.pulumi.com/docs/install/)
PULUMI_RUN = $(if $(filter dev,$(STACK)),$(SANDBOX) pulumi,\
	$(if $(shell command -v $(CLI)),$(CLI),$(NO_CLI)))
# The watcher takes `pulumi` from PATH.
CLI_FIRST = $(if $(PULUMI),PATH="$(dir $(abspath $(or $(shell command -v $(PULUMI)),$(NO_CLI)))):$$PATH")
# The join desk is a separate program. A stack has one if the desk has settings for it.
DESK := stacks/join_desk
HAS_DESK := $(wildcard $(DESK)/Pulumi.$(STACK).yaml)
DESK_RUN = $(PULUMI_RUN) -C $(DESK)
PORT ?= 8047
# In the sandbox, `make watch` handles requests for meetings.
REQUEST ?= $(if $(filter dev,$(STACK)),--request-meetings)
TO ?= .sandbox/invitations
EVENTS ?= .sandbox/events-$(STACK).jsonl
NO_DESK = $(error the join desk has no settings for the stack $(STACK): $(DESK)/Pulumi.$(STACK).yaml)
AWS_RUN := $(if $(filter dev,$(STACK)),$(SANDBOX) run --)
# A setting of the stack; empty if it isn't set.
SETTING = $$($(PULUMI_RUN) config get $(1) --stack $(STACK) 2>/dev/null)
# An output of the join desk; empty if there is none.
DESK_OUTPUT = $$($(DESK_RUN) stack output $(1) --stack $(STACK) 2>/dev/null)

# Shortens diffs to what changes, without unchanged properties, ids, providers and stacks.
SHELL := bash
.SHELLFLAGS := -o pipefail -c
CHANGES := grep --line-buffered --invert-match --extended-regexp \
	'^ {8,}(("[^"]*"|[][A-Za-z0-9_./@-]+) *: |[]}]+$$|\[(id|provider)=)|pulumi:pulumi:Stack(Reference)?:|^$$'

# At a terminal, Pulumi shows the progress of changes. Elsewhere, it prints a line for each resource,
# changed or not, unless --diff is set. Pulumi replaces the shell, so that signals reach it.
define UPDATE
	@$(1) stack select --create $(STACK)
	@up=($(1) up --yes --skip-preview --suppress-outputs --suppress-progress --stack $(STACK)); \
	if test -t 1 || test "$$($(1) stack output --json --stack $(STACK))" = "{}"; \
		then exec "$${up[@]}"; fi; \
	exec "$${up[@]}" --diff > >(trap '' INT TERM; exec $(CHANGES))
endef

TEST_TOOLS := check-jsonschema hypothesis psutil pytest pytest-timeout pytest-xdist python-dateutil \
	recurring-ical-events

.DEFAULT_GOAL := help
.PHONY: help ready cli yaml up preview down outputs events desk invitations watch requests test test-unit test-lowest bench faults soak recoveries lint format

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ready ## deploy the schedule's meetings, in the sandbox or with STACK=... on AWS
	$(call UPDATE,$(PULUMI_RUN))
ifneq (,$(HAS_DESK))
	@echo
	$(call UPDATE,$(DESK_RUN))
	@echo
	@echo "Join links: \`make invitations\` writes them, and \`make desk\` serves the join page."
endif
	@echo "Outputs: \`make outputs\` shows them."

preview: ready ## show what `make up` would do
	@$(PULUMI_RUN) stack select --create $(STACK)
	@$(PULUMI_RUN) preview --diff --suppress-outputs --stack $(STACK) | $(CHANGES)

outputs: ready ## show the stack's outputs
	@$(PULUMI_RUN) stack output --stack $(STACK)

down: ready ## end all meetings of the stack, and stop the sandbox if the stack is dev
ifneq (,$(HAS_DESK))
	@$(DESK_RUN) stack select --create $(STACK)
	@$(DESK_RUN) destroy --yes --skip-preview --stack $(STACK)
endif
	@$(PULUMI_RUN) destroy --yes --skip-preview --stack $(STACK)
ifeq (dev,$(STACK))
	@$(SANDBOX) down
endif

events: ready ## follow the events of the meetings; FOLLOW='--count 3' stops after three
	@profile=$(call SETTING,aws:profile); \
	queue=$$($(PULUMI_RUN) stack output queue_arn --stack $(STACK)) && \
	env $${profile:+AWS_PROFILE="$$profile"} $(AWS_RUN) $(PYTHON) examples/subscriber.py $(FOLLOW) "$$queue"

desk: ready $(DESK)/page/build/join.js ## serve the example page that join links lead to, on PORT
	$(if $(HAS_DESK),,$(NO_DESK))
	@profile=$$($(DESK_RUN) config get aws:profile --stack $(STACK) 2>/dev/null); \
	region=$$($(DESK_RUN) config get aws:region --stack $(STACK)) && \
	queue=$(call DESK_OUTPUT,events_queue_url); \
	echo "the operator's page: $(call DESK_OUTPUT,operator_link --show-secrets)"; \
	PYTHONPATH=$(DESK) exec env $${profile:+AWS_PROFILE="$$profile"} $(AWS_RUN) $(PYTHON) -m desk.server \
	--stack $(STACK) --region "$$region" --port $(PORT) $(REQUEST) \
	$${queue:+--events-queue "$$queue" --events-file $(EVENTS)}

invitations: ready ## write each attendee's invitation into the folder TO
	$(if $(HAS_DESK),,$(NO_DESK))
	@schedule=$(call SETTING,schedule); now=$(call SETTING,now); \
	$(DESK_RUN) stack output --show-secrets --json --stack $(STACK) | \
	PYTHONPATH=$(DESK) $(PYTHON) -m desk.invitations --to $(TO) $${now:+--now "$$now"} $(INVITE) \
	"$(or $(SCHEDULE),$${schedule:-schedule.yaml})"

# Without checkpoints, 20 links of a replaced meeting are updated a second or two sooner. If an update
# is interrupted, the next one creates the same resources again, which is safe here.
watch: ready ## replace each meeting that ends too soon, within seconds
	@env PULUMI_SKIP_CHECKPOINTS=true $(CLI_FIRST) $(AWS_RUN) $(PYTHON) -m meeting_provider.watch --stack $(STACK) \
	$(if $(HAS_DESK),--then $(DESK)) $(WATCH)

requests: ready ## show the requests that the emulated Chime has seen
	@$(SANDBOX) admin requests

test: .venv/.dev yaml ## run every test
	$(PYTHON) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test-unit: .venv/.dev ## run the tests that start no process
	$(PYTHON) -m pytest --quiet tests/unit tests/schedule

test-lowest: .venv/.dev ## run these and the lifecycle's tests with the oldest versions of dependencies
	@.venv/bin/uv venv --quiet --clear --python $(PYTHON) .venv/lowest
	@.venv/bin/uv pip install --quiet --python .venv/lowest/bin/python --constraint constraints.txt \
		$(TEST_TOOLS)
	@.venv/bin/uv pip install --quiet --python .venv/lowest/bin/python --upgrade \
		--resolution lowest-direct --editable '.[desk]' --editable './sandbox[pulumi]'
	.venv/lowest/bin/python -m pytest --quiet tests/unit tests/schedule tests/lifecycle

bench: .venv/.dev cli ## measure, and write docs/performance.md; BENCH='day thousand'
	$(PYTHON) -m benchmarks $(BENCH)

faults: .venv/.dev cli ## test every fault and every kill at every call, and print the results
	FAULTS=all $(PYTHON) -m pytest tests/faults

soak: .venv/.dev ## run 10,000 random steps of changes, drift, faults and crashes
	$(PYTHON) -m pytest tests/soak --hypothesis-profile=soak --capture=no

recoveries: .venv/.dev cli ## end 50 meetings, and measure how soon the watcher replaces them and updates the links
	RECOVERIES=all $(PYTHON) -m pytest --capture=no --timeout=3600 tests/consumers/test_watch.py \
	tests/consumers/test_links_follow.py -k "every_end or test_links_follow"

lint: .venv/.dev ## run ruff, mypy in strict mode, and the check of the layers
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

format: .venv/.dev ## format the code
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

$(DESK)/page/build/join.js: $(wildcard $(DESK)/page/*.*)
	@npm --prefix $(DESK)/page install --no-audit --no-fund --no-package-lock --ignore-scripts
	@npm --prefix $(DESK)/page run build

# The CLI is built, and the environment set up, in parallel, if they are needed.
ready:
	@$(MAKE) --silent --no-print-directory --jobs=2 .venv/.sandbox cli

# Tests also run programs in YAML.
yaml: $(PYTHON)
	@$(PYTHON) sandbox/chime_sandbox/pulumi/cli.py --yaml >/dev/null

# Only the sandbox's stack runs without the user's own Pulumi.
cli: $(PYTHON)
	@$(if $(filter dev,$(STACK)),$(PYTHON) sandbox/chime_sandbox/pulumi/cli.py >/dev/null)

$(PYTHON):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		f"Python 3.11 or later is needed, and python3 is {sys.version.split()[0]}")'
	@python3 -m venv .venv

.venv/.sandbox: pyproject.toml sandbox/pyproject.toml constraints.txt | $(PYTHON)
	@echo "setting up .venv, once"
	$(call INSTALL,--editable '.[desk]' --editable './sandbox[pulumi]')

.venv/.dev: .venv/.sandbox
	@echo "adding the packages for tests and lint to .venv, once"
	$(call INSTALL,--editable '.[dev]' --editable './sandbox[pulumi]')

define INSTALL
	@$(PYTHON) -m pip install -qq --disable-pip-version-check --constraint constraints.txt $(1) 2>.venv/pip.log || { \
		tail -n 1 .venv/pip.log; \
		echo "can't install the packages that this project needs: pip needs PyPI, or an index" \
			"that PIP_INDEX_URL names; run the command again once it can be reached"; exit 1; }
	@touch $@
endef
