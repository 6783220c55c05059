// The operator's page: asks the desk every few seconds, and changes only what has changed, so that focus,
// open lists and what a screen reader reads stay as they are.
const POLL_MS = 5_000;
const PATIENCE_MS = 20_000;
const MOST_NAMES = 12;
const MOST_NEWS = 8;
const MOST_NEWS_AT_ONCE = 5;
const GROUPS = ['Open now', 'Today', 'Later', 'Over'];

const PROBLEMS = {
  unavailable: 'The meetings can’t be looked up right now. This page tries again by itself.',
  wrong_link: 'This link is no longer valid. The current one is the output operator_link of the stack join_desk.',
};
const CONNECTIONS = {
  known: '',
  unknown: 'Who is connected isn’t known: this server was started without --events-queue.',
  stale: 'Who is connected may be out of date: the meetings’ events can’t be received right now.',
};

const element = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const seconds = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const isToday = (date) => date.toDateString() === new Date().toDateString();

let known;
let timer;
const cards = new Map();

async function poll() {
  clearTimeout(timer);
  const found = await ask();
  document.body.dataset.state = found.state;
  write('status', PROBLEMS[found.state] ?? '');
  if (found.state === 'ready') {
    draw(found);
    report(known ? changes(known, found) : []);
    known = found;
  }
  timer = setTimeout(poll, POLL_MS);
}

async function ask() {
  try {
    const answer = await fetch(`operator/data${location.search}`, {
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const found = await answer.json();
    return found.state === 'ready' || PROBLEMS[found.state] ? found : { state: 'unavailable' };
  } catch {
    return { state: 'unavailable' };
  }
}

function draw(data) {
  const focused = document.activeElement;
  write('updated', `Updated at ${seconds.format(new Date())}.`);
  write('connections', CONNECTIONS[data.connections]);
  const there = new Set(data.events.map(({ event }) => event));
  for (const event of cards.keys()) {
    if (!there.has(event)) {
      cards.delete(event);
    }
  }
  const groups = GROUPS.map((title) => [title, data.events.filter((event) => group(event) === title)]);
  const shown = groups.filter(([, events]) => events.length > 0);
  write('none', shown.length > 0 ? '' : 'There are no meetings.');
  sync(element('groups'), shown, ([title]) => title, makeGroup, (section, [, events]) => {
    sync(section.lastChild, events, ({ event }) => event, makeCard, (card, event) => fill(card, event, data));
  });
  if (focused !== document.activeElement && focused.isConnected) {
    focused.focus();
  }
}

function group({ open, next }) {
  if (open.length > 0) {
    return 'Open now';
  }
  if (!next) {
    return 'Over';
  }
  return isToday(new Date(next.start)) ? 'Today' : 'Later';
}

function makeGroup([title]) {
  const heading = make('h2', { textContent: title });
  return make('section', {}, heading, make('div'));
}

function makeCard({ event }) {
  if (!cards.has(event)) {
    const list = make('ul', { className: 'attendees' });
    const people = make('details', { hidden: true }, make('summary'), list);
    cards.set(event, make('article', {}, make('h3'), make('p', { className: 'state' }), make('dl'), people));
  }
  return cards.get(event);
}

function fill(card, event, data) {
  const [title, state, facts, people] = card.children;
  set(title, event.title);
  const [kind, text] = stateOf(event);
  state.dataset.is = kind;
  set(state, text);
  sync(facts, factsOf(event, data), ([term]) => term, makeFact, (pair, [, value]) => set(pair.lastChild, value));
  people.hidden = event.attendees.length === 0;
  const connected = event.attendees.filter((each) => each.connected).length;
  const count = `Attendees: ${event.attendees.length}`;
  set(people.firstChild, data.connections === 'unknown' ? count : `${count}, ${connected} connected`);
  sync(people.lastChild, event.attendees, ({ id }) => id, makeAttendee, fillAttendee);
}

function stateOf({ open, next }) {
  if (open.length > 0) {
    const ends = open.map(({ ended }) => ended);
    if (ends.every(Boolean)) {
      return ['ended', `Ended at ${when(ends.sort().at(-1))}. It has not been replaced yet.`];
    }
    const closes = open.map((meeting) => meeting.closes);
    return ['open', closes.every(Boolean) ? `Open until ${when(closes.sort(byTime).at(-1))}` : 'Open'];
  }
  if (!next) {
    return ['over', 'Over'];
  }
  return ['next', new Date(next.opens) > new Date() ? `Opens at ${when(next.opens)}` : 'Opens with the next update'];
}

function factsOf({ open, next, updated, attendees }, { connections }) {
  const facts = [];
  const times = open.filter(({ start, end }) => start && end).map(span);
  const upcoming = next?.start && next.end ? span(next) : '';
  if (open.length === 0 && upcoming) {
    times.push(upcoming);
  }
  if (times.length > 0) {
    facts.push(['Times', times.join(', ')]);
  }
  if (open.length > 0 && upcoming) {
    facts.push(['Next', upcoming]);
  }
  if (open.length > 0 && updated) {
    facts.push(['Join information updated', when(updated)]);
  }
  const names = attendees.filter(({ connected }) => connected).map(({ name }) => name);
  if (open.length > 0 && connections !== 'unknown') {
    const more = names.length - MOST_NAMES;
    const shown = names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
    facts.push(['Connected', shown || 'nobody']);
  }
  const recordings = open.filter(({ recording }) => recording).map(({ recording }) => recording);
  if (recordings.length > 0) {
    facts.push(['Recording', recordings.map(textOf).join('; ')]);
  }
  return facts;
}

const textOf = (recording) => Object.entries(recording).map((each) => each.join(': ')).join(', ');

function makeFact([term]) {
  return make('div', {}, make('dt', { textContent: term }), make('dd'));
}

function makeAttendee() {
  const button = make('button', { type: 'button', textContent: 'Copy link' });
  button.addEventListener('click', () => copy(button));
  return make('li', {}, make('span', { className: 'who' }), make('span', { className: 'connected' }), button);
}

function fillAttendee(item, { name, connected, link }) {
  const [who, status, button] = item.children;
  set(who, name);
  set(status, connected ? `connected since ${when(connected)}` : '');
  button.hidden = !link;
  button.dataset.link = link ?? '';
  button.dataset.name = name;
  button.setAttribute('aria-label', `Copy link of ${name}`);
}

async function copy(button) {
  const link = new URL(button.dataset.link, location.href).href;
  try {
    await navigator.clipboard.writeText(link);
    write('copied', `The link of ${button.dataset.name} was copied.`);
  } catch {
    // Without TLS, or without the permission, people copy the link themselves.
    const shown = button.nextElementSibling ?? make('input', { readOnly: true });
    shown.value = link;
    shown.setAttribute('aria-label', `Link of ${button.dataset.name}`);
    button.after(shown);
    shown.select();
  }
}

/** What has changed, in sentences. */
function changes(before, after) {
  const found = [];
  const earlier = new Map(before.events.map((event) => [event.event, event]));
  for (const event of after.events) {
    const old = earlier.get(event.event);
    earlier.delete(event.event);
    found.push(...(old ? changesOf(old, event, before, after) : [`${event.title} was added.`]));
  }
  return [...found, ...[...earlier.values()].map(({ title }) => `${title} was removed.`)];
}

function changesOf(old, event, before, after) {
  const { title } = event;
  const found = [];
  const ids = (each) => each.open.map(({ MeetingId }) => MeetingId);
  const ended = (each) => each.open.filter((meeting) => meeting.ended).map((meeting) => meeting.MeetingId);
  const recordings = (each) => each.open.filter(({ recording }) => recording).map(({ recording }) => textOf(recording));
  if (event.open.length > 0 !== old.open.length > 0) {
    found.push(`${title} is ${event.open.length > 0 ? 'open' : 'closed'}.`);
  } else if (ids(event).some((id) => !ids(old).includes(id))) {
    found.push(`${title} has a new meeting.`);
  }
  if (ended(event).some((id) => !ended(old).includes(id))) {
    found.push(`${title} has ended.`);
  }
  for (const text of recordings(event).filter((each) => !recordings(old).includes(each))) {
    found.push(`Recording of ${title}: ${text}.`);
  }
  if (before.connections !== 'unknown' && after.connections !== 'unknown') {
    const joined = (each) => new Map(each.attendees.filter((a) => a.connected).map((a) => [a.id, a.name]));
    const [were, are] = [joined(old), joined(event)];
    found.push(...missing(are, were).map((name) => `${name} joined ${title}.`));
    found.push(...missing(were, are).map((name) => `${name} left ${title}.`));
  }
  const invited = (each) => new Map(each.attendees.filter((a) => a.link).map((a) => [a.id, a.name]));
  if (event.open.length > 0 && old.open.length > 0) {
    const [were, are] = [invited(old), invited(event)];
    found.push(...missing(are, were).map((name) => `${name} was added to ${title}.`));
    found.push(...missing(were, are).map((name) => `${name} was removed from ${title}.`));
  }
  return found;
}

const missing = (these, those) => [...these].filter(([id]) => !those.has(id)).map(([, name]) => name);

function report(sentences) {
  const more = sentences.length - MOST_NEWS_AT_ONCE;
  const shown = more > 0 ? [...sentences.slice(0, MOST_NEWS_AT_ONCE), `And ${more} more changes.`] : sentences;
  const log = element('changes');
  for (const sentence of shown) {
    log.prepend(make('p', { textContent: `${clock.format(new Date())} ${sentence}` }));
  }
  while (log.children.length > MOST_NEWS) {
    log.lastChild.remove();
  }
  write('unchanged', log.children.length > 0 ? '' : 'None since this page was opened.');
}

const byTime = (a, b) => new Date(a) - new Date(b);

function when(text) {
  const date = new Date(text);
  return (isToday(date) ? clock : day).format(date);
}

function span({ start, end }) {
  const [from, to] = [new Date(start), new Date(end)];
  return (isToday(from) && isToday(to) ? clock : day).formatRange(from, to);
}

/** Make a parent's children those of the items, in order. A child that stays is the same element. */
function sync(parent, items, key, create, update) {
  const keys = new Set(items.map(key));
  for (const child of [...parent.children]) {
    if (!keys.has(child.dataset.key)) {
      child.remove();
    }
  }
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, place) => {
    const child = there.get(key(item)) ?? create(item);
    child.dataset.key = key(item);
    if (parent.children[place] !== child) {
      parent.insertBefore(child, parent.children[place] ?? null);
    }
    update(child, item);
  });
}

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function set(place, text) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

function write(id, text) {
  set(element(id), text);
  element(id).hidden = text === '';
}

// Ask at once after a phone was locked.
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') {
    poll();
  } else {
    clearTimeout(timer);
  }
});
poll();
