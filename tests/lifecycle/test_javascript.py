"""AWS's own JavaScript client, which nobody here wrote, against the emulator."""

import json
import os
import subprocess


def test_the_javascript_client_creates_lists_tags_deletes_and_gets_typed_errors(
    endpoint, sandbox, javascript
):
    environment = os.environ | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
    }
    ran = subprocess.run(
        ["node", "meetings.mjs"],
        cwd=javascript,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["created"] == ["ana", "ben"]
    assert seen["joinTokenLength"] == 98
    assert seen["pages"] == [["ana"], ["ben"], ["cleo"]]
    assert seen["errors"] == []
    assert seen["capabilities"] == {"Audio": "Receive", "Video": "Receive", "Content": "None"}
    assert seen["tags"] == {"room": "b2", "team": "events"}
    assert seen["untagged"] == {"team": "events"}
    assert seen["typed"] == {
        "afterDeletion": ["NotFoundException", 404, "The meeting has ended"],
        "badCapabilities": ["BadRequestException", 400, "BadRequest"],
        "throttled": ["ThrottlingException", 429, "Rate exceeded"],
        "unavailable": ["ServiceUnavailableException", 503, "7"],
        "noSuchTagResource": ["ResourceNotFoundException", 404, seen["missing"]],
    }
    assert {call.region for call in sandbox.requests()} == {"eu-central-1"}
