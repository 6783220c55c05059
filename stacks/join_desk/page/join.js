// Joins with the join information that the desk returns for this link. After the end of a meeting, asks
// the desk until the replacement exists.
import {
  ConsoleLogger,
  DefaultDeviceController,
  DefaultMeetingSession,
  LogLevel,
  MeetingSessionConfiguration,
  MeetingSessionStatusCode as Code,
} from 'amazon-chime-sdk-js';

import { offer, removeTile, removeTiles, show, showConnection, tile } from './view.js';

const POLL_MS = 750;
const PATIENCE_MS = 20_000;
const WAITING_MS = 15_000;
const READY_MS = 60_000;
const SLOW_MS = 10_000;
const LONG_MS = 30_000;
/** There is a meeting, or soon the next one: ask the desk about once a second. */
const POLLING = ['reopening', 'joining', 'joining-slowly', 'reconnecting', 'failed'];
const CONNECTING = ['joining', 'joining-slowly', 'reconnecting'];
const WAITING = ['upcoming', 'ended', 'over', 'not_invited', 'unavailable', 'wrong_link'];

const logger = new ConsoleLogger('desk', LogLevel.ERROR);
const element = (id) => document.getElementById(id);

let state = 'loading';
let facts = {};
let session;
let known; // The MeetingId of the last session, or of the meeting that is being reopened.
let wants; // What this person wants to be in: an ExternalMeetingId, or true for any meeting.
let since; // When the reopening began.
let timer;
let slow;
let turns = 0;
const ended = new Set();

function enter(next, more = {}) {
  if (next === 'reopening') {
    since = state === 'reopening' ? since : Date.now();
    more = { long: Date.now() - since > LONG_MS, wants: Boolean(wants) };
  }
  state = next;
  facts = { ...facts, ...more };
  show(state, facts);
  schedule();
}

/** Schedule the next request to the desk, depending on the state. */
function schedule() {
  clearTimeout(timer);
  const opens = facts.opens ? new Date(facts.opens) - Date.now() : 0;
  if (POLLING.includes(state)) {
    timer = setTimeout(poll, POLL_MS);
  } else if (state === 'upcoming' && opens > 0) {
    timer = setTimeout(poll, Math.min(opens, READY_MS));
  } else if (WAITING.includes(state)) {
    timer = setTimeout(poll, WAITING_MS);
  } else if (state === 'ready' || state === 'left') {
    timer = setTimeout(poll, READY_MS);
  }
}

/** Ask the desk what there is now, and show it. */
async function poll() {
  clearTimeout(timer);
  turns += 1;
  const turn = turns;
  const answer = await ask(POLLING.includes(state) || state === 'ended' ? known : undefined);
  if (turn !== turns || !['loading', 'ready', 'left', ...POLLING, ...WAITING].includes(state)) {
    return;
  }
  const { state: found, Meeting, Attendee, MeetingId, ...said } = answer;
  if (found === 'open' && !ended.has(Meeting.MeetingId)) {
    await follow(Meeting, Attendee, said);
  } else if (found === 'reopening' || found === 'open') {
    reopen(MeetingId ?? Meeting.MeetingId, said);
  } else if (found === 'unchanged' && (state === 'ended' || state === 'reopening')) {
    enter('reopening');
  } else if (
    found === 'unchanged' || CONNECTING.includes(state) || (found === 'unavailable' && POLLING.includes(state))
  ) {
    enter(state);
  } else {
    facts = found === 'unavailable' ? facts : said;
    enter(found === 'over' && (state === 'ended' || state === 'reopening') ? 'ended' : found);
  }
}

async function ask(meeting) {
  const query = new URLSearchParams(location.search);
  if (meeting) {
    query.set('meeting', meeting);
  }
  try {
    const answer = await fetch(`${location.pathname}/session?${query}`, {
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const found = await answer.json();
    return found.state ? found : { state: 'unavailable' };
  } catch {
    return { state: 'unavailable' };
  }
}

/** There is a meeting. */
async function follow(Meeting, Attendee, said) {
  const isOther = session?.configuration.meetingId !== Meeting.MeetingId;
  if (!isOther && CONNECTING.includes(state)) {
    enter(state);
    return;
  }
  facts = { ...said, title: said.title ?? Meeting.ExternalMeetingId };
  if (isOther) {
    abandon();
    prepare(Meeting, Attendee);
  }
  if (wants === true || wants === Meeting.ExternalMeetingId) {
    await join();
  } else {
    enter(state === 'left' ? 'left' : 'ready');
  }
}

/** The meeting has ended, and has not been replaced yet. */
function reopen(meetingId, said) {
  abandon();
  known = meetingId;
  ended.add(meetingId);
  facts = said;
  enter(state === 'left' ? 'left' : 'reopening');
}

/** End a session silently. */
function abandon() {
  const old = session;
  session = undefined;
  clearTimeout(slow);
  removeTiles();
  old?.audioVideo.stop();
  old?.deviceController.destroy();
}

function prepare(Meeting, Attendee) {
  const mine = new DefaultMeetingSession(
    new MeetingSessionConfiguration(Meeting, Attendee),
    logger,
    new DefaultDeviceController(logger, { enableWebAudio: false }),
  );
  session = mine;
  known = Meeting.MeetingId;
  // Ignore what an abandoned session still reports.
  const ours = (action) => (...details) => session === mine && action(...details);
  session.audioVideo.addObserver({
    audioVideoDidStart: ours(() => enter('joined', { muted: session.audioVideo.realtimeIsLocalAudioMuted() })),
    audioVideoDidStartConnecting: ours((reconnecting) => reconnecting && enter('reconnecting')),
    audioVideoDidStop: ours(stopped),
    videoTileDidUpdate: ours(videoTileDidUpdate),
    videoTileWasRemoved: ours(removeTile),
  });
  const { meetingId, externalMeetingId, credentials, urls } = session.configuration;
  showConnection({
    meetingId,
    externalMeetingId,
    attendeeId: credentials.attendeeId,
    externalUserId: credentials.externalUserId,
    signalingUrl: urls.signalingURL,
    audioHostUrl: urls.audioHostURL,
  });
}

async function join() {
  const mine = session;
  wants = mine?.configuration.externalMeetingId ?? wants ?? true;
  if (!mine) {
    enter(state === 'reopening' ? 'reopening' : 'loading');
    await poll();
    return;
  }
  // The meeting may have ended since the desk was asked.
  enter('joining');
  await poll();
  if (session !== mine || state !== 'joining') {
    return;
  }
  slow = setTimeout(() => state === 'joining' && enter('joining-slowly'), SLOW_MS);
  const { audioVideo } = session;
  await audioVideo.bindAudioElement(element('audio'));
  let microphone = false;
  try {
    await audioVideo.startAudioInput(chosen('microphone', await audioVideo.listAudioInputDevices()).deviceId);
    microphone = true;
  } catch {
    // Without one, or without the permission, people still hear the others.
  }
  facts.microphone = microphone;
  if (element('speaker').value) {
    await audioVideo.chooseAudioOutput(element('speaker').value);
  }
  if (session === mine && (state === 'joining' || state === 'joining-slowly')) {
    audioVideo.start();
    await offerDevices();
  }
}

async function stopped(status) {
  clearTimeout(slow);
  removeTiles();
  const { audioVideo } = session;
  await audioVideo.stopAudioInput().catch(() => {});
  await audioVideo.stopVideoInput().catch(() => {});
  facts.camera = false;
  const code = status.statusCode();
  if (code === Code.MeetingEnded || code === Code.NoAttendeePresent) {
    ended.add(known);
    abandon();
    enter('ended');
    await poll();
    return;
  }
  if ([Code.Left, Code.AudioJoinedFromAnotherDevice, Code.AudioAttendeeRemoved].includes(code)) {
    wants = undefined;
    enter({ [Code.Left]: 'left', [Code.AudioAttendeeRemoved]: 'removed' }[code] ?? 'elsewhere');
    return;
  }
  // The meeting may have ended, and there may be another one: the desk knows.
  abandon();
  const full = code === Code.AudioCallAtCapacity;
  enter('failed', { reason: full ? 'The meeting is full.' : 'Check your connection, and try again.' });
  await poll();
}

function leave() {
  wants = undefined;
  if (state === 'reopening') {
    enter('reopening');
    return;
  }
  if (state === 'joining' || state === 'joining-slowly') {
    enter('left');
  }
  session.audioVideo.stop();
}

function videoTileDidUpdate({ tileId, boundAttendeeId, boundExternalUserId, localTile }) {
  if (boundAttendeeId) {
    session.audioVideo.bindVideoElement(tileId, tile(tileId, localTile ? 'You' : boundExternalUserId));
  }
}

/** The device that is chosen in a menu, or else the first one; undefined if there is none. */
const chosen = (id, devices) => devices.find(({ deviceId }) => deviceId === element(id).value) ?? devices[0];

async function offerDevices() {
  const { audioVideo } = session;
  offer('microphone', await audioVideo.listAudioInputDevices());
  offer('speaker', await audioVideo.listAudioOutputDevices());
  offer('webcam', await audioVideo.listVideoInputDevices());
}

async function toggleCamera() {
  const { audioVideo } = session;
  if (audioVideo.hasStartedLocalVideoTile()) {
    audioVideo.stopLocalVideoTile();
    await audioVideo.stopVideoInput();
    enter('joined', { camera: false });
    return;
  }
  const camera = chosen('webcam', await audioVideo.listVideoInputDevices());
  if (!camera) {
    throw new Error('There is no camera, or this page may not use it.');
  }
  await audioVideo.startVideoInput(camera.deviceId);
  audioVideo.startLocalVideoTile();
  await offerDevices();
  enter('joined', { camera: true });
}

function toggleMute() {
  const { audioVideo } = session;
  if (audioVideo.realtimeIsLocalAudioMuted()) {
    audioVideo.realtimeUnmuteLocalAudio();
  } else {
    audioVideo.realtimeMuteLocalAudio();
  }
  enter('joined', { muted: audioVideo.realtimeIsLocalAudioMuted() });
}

const reporting = (action) => async (event) => {
  try {
    await action(event.target.value);
  } catch (error) {
    element('detail').textContent = error.message;
    element('detail').hidden = false;
  }
};

element('join').addEventListener('click', reporting(join));
element('mute').addEventListener('click', reporting(toggleMute));
element('camera').addEventListener('click', reporting(toggleCamera));
element('leave').addEventListener('click', reporting(leave));
element('microphone').addEventListener('change', reporting((id) => session.audioVideo.startAudioInput(id)));
element('speaker').addEventListener('change', reporting((id) => session.audioVideo.chooseAudioOutput(id)));
element('webcam').addEventListener('change', reporting(async (id) => {
  if (session.audioVideo.hasStartedLocalVideoTile()) {
    await session.audioVideo.startVideoInput(id);
  }
}));
// Ask at once after a laptop was asleep or the tab was in the background.
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && ['ready', 'reopening', ...WAITING].includes(state)) {
    poll();
  }
});
poll();
