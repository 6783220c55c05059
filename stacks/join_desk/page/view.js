// What the page shows in each state. It knows nothing of the Chime SDK.
const element = (id) => document.getElementById(id);

const instant = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const when = (text) => instant.format(new Date(text));
const span = (start, end) => instant.formatRange(new Date(start), new Date(end));

/** For each state: what it says, the details, and which buttons there are. */
const STATES = {
  loading: () => ['One moment…'],
  ready: () => ['Ready to join.', 'You join with your microphone on and your camera off.', { join: 'Join' }],
  left: () => ['You have left the meeting.', 'You can close this page.', { join: 'Join again' }],
  joining: () => ['Joining…', '', { leave: 'Cancel' }],
  'joining-slowly': () => [
    'Still joining…',
    'This is taking longer than usual. A firewall or a weak connection may be the reason.',
    { leave: 'Cancel' },
  ],
  joined: ({ muted, camera, microphone }) => [
    'You are in the meeting.',
    microphone === false ? 'Nobody hears you: there is no microphone, or this page may not use it.' : '',
    { mute: muted ? 'Unmute' : 'Mute', camera: camera ? 'Stop camera' : 'Start camera', leave: 'Leave' },
  ],
  reconnecting: () => [
    'The connection was lost. Connecting again…',
    'Until then the others can’t hear you.',
    { leave: 'Leave' },
  ],
  upcoming: ({ opens }) => [
    new Date(opens) > new Date() ? `This meeting opens on ${when(opens)}.` : 'This meeting opens any moment.',
    'Keep this page open: a Join button appears when the meeting opens.',
  ],
  reopening: ({ long, wants }) => [
    'The meeting is being reopened.',
    long
      ? 'This is taking longer than usual. Keep this page open, or contact the organizer.'
      : wants
        ? 'You will join automatically.'
        : 'It will be ready in a moment. With “Join” you join as soon as it is.',
    wants ? { leave: 'Cancel' } : { join: 'Join' },
  ],
  ended: () => [
    'This meeting has ended.',
    'If there is another one, it appears here. Otherwise you can close this page.',
  ],
  over: () => [
    'There is no meeting here any more.',
    'It is over or was cancelled, and no other one is scheduled.',
  ],
  not_invited: () => [
    'You are not invited to the meeting that is open now.',
    'If that is a mistake, contact the organizer.',
  ],
  wrong_link: () => [
    'This link is no longer valid.',
    'Open the link in your latest invitation, or ask the person who invited you for a new one.',
  ],
  unavailable: () => [
    'The meeting can’t be looked up right now.',
    'This is not your fault. This page tries again automatically.',
    { join: 'Try again' },
  ],
  failed: ({ reason }) => ['You could not be connected.', reason ?? '', { join: 'Try again' }],
  elsewhere: () => [
    'You joined from another device or tab.',
    'So this one was disconnected. “Join here” disconnects the other one.',
    { join: 'Join here' },
  ],
  removed: () => ['You were removed from the meeting.', 'If that is a mistake, contact the organizer.'],
};

/** The states in which there is a meeting to connect to. */
const CONNECTED = ['ready', 'joining', 'joining-slowly', 'joined', 'reconnecting', 'left'];

/** Show a state, with what is known of the meeting. */
export function show(state, facts = {}) {
  const [status, detail = '', buttons = {}] = STATES[state](facts);
  document.body.dataset.state = state;
  text('status', status);
  text('detail', detail);
  if (facts.title) {
    text('title', facts.title);
    document.title = facts.title;
  }
  text('description', facts.description ?? '');
  text('times', facts.start && facts.end ? span(facts.start, facts.end) : '');
  for (const id of ['join', 'mute', 'camera', 'leave']) {
    text(id, buttons[id] ?? '');
  }
  const inMeeting = state === 'joined' || state === 'reconnecting';
  element('tiles').hidden = !inMeeting;
  element('devices').hidden = !inMeeting;
  if (!CONNECTED.includes(state)) {
    element('connection').hidden = true;
  }
}

/** Show who somebody is connected as, and to what. */
export function showConnection(facts) {
  for (const place of document.querySelectorAll('[data-shows]')) {
    place.textContent = facts[place.dataset.shows] ?? '';
  }
  element('connection').hidden = false;
}

/** The video element of a tile, made where there is none yet, with a name below it. */
export function tile(id, name) {
  let figure = element(`tile-${id}`);
  if (!figure) {
    figure = document.createElement('figure');
    figure.id = `tile-${id}`;
    figure.append(document.createElement('video'), document.createElement('figcaption'));
    element('tiles').append(figure);
  }
  const caption = figure.querySelector('figcaption');
  caption.textContent = name;
  caption.title = name;
  figure.querySelector('video').setAttribute('aria-label', name);
  return figure.querySelector('video');
}

export function removeTile(id) {
  element(`tile-${id}`)?.remove();
}

export function removeTiles() {
  element('tiles').replaceChildren();
}

/** Offer devices for choice. The chosen one stays chosen while it is there. */
export function offer(id, devices) {
  const chosen = element(id).value;
  element(id).replaceChildren(
    ...devices.map(({ deviceId, label }, place) => {
      const option = document.createElement('option');
      option.value = deviceId;
      option.textContent = label || `Device ${place + 1}`;
      option.selected = deviceId === chosen;
      return option;
    }),
  );
  element(id).disabled = devices.length === 0;
}

function text(id, content) {
  // Screen readers may read a text again if it is set again.
  if (element(id).textContent !== content) {
    element(id).textContent = content;
  }
  element(id).hidden = content === '';
}
