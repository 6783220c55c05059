// Joins with what the desk returns for this link. A meeting that has ended has a successor at the same
// link: the desk is asked until it is there.
import {
  ConsoleLogger,
  DefaultDeviceController,
  DefaultMeetingSession,
  LogLevel,
  MeetingSessionConfiguration,
  MeetingSessionStatusCode as Code,
} from 'amazon-chime-sdk-js';

import { offer, removeTile, removeTiles, show, showConnection, tile } from './view.js';

const WAITING_MS = 15_000;
const READY_MS = 60_000;
const SLOW_MS = 10_000;
const WAITING = ['upcoming', 'ended', 'over', 'not_invited', 'unavailable', 'wrong_link'];

const logger = new ConsoleLogger('desk', LogLevel.ERROR);
const element = (id) => document.getElementById(id);

let state = 'loading';
let facts = {};
let session;
let rejoin; // The ExternalMeetingId of a meeting that ended while this person was in it.
let timer;
let slow;
const ended = new Set();

function enter(next, more = {}) {
  state = next;
  facts = { ...facts, ...more };
  show(state, facts);
  clearTimeout(timer);
  const opens = facts.opens ? new Date(facts.opens) - Date.now() : 0;
  if (state === 'upcoming' && opens > 0) {
    timer = setTimeout(look, Math.min(opens, READY_MS));
  } else if (WAITING.includes(state)) {
    timer = setTimeout(look, WAITING_MS);
  } else if (state === 'ready' || state === 'left') {
    timer = setTimeout(look, READY_MS);
  }
}

/** Ask the desk what there is now, and show it. */
async function look() {
  clearTimeout(timer);
  const answer = await ask();
  if (!['loading', 'ready', 'left', 'failed', ...WAITING].includes(state)) {
    return;
  }
  const { state: found, Meeting, Attendee, ...said } = answer;
  if (found !== 'unavailable') {
    facts = said;
  }
  if (found !== 'open') {
    enter(found === 'over' && state === 'ended' ? 'ended' : found);
    return;
  }
  if (ended.has(Meeting.MeetingId)) {
    enter('ended');
    return;
  }
  facts.title ??= Meeting.ExternalMeetingId;
  if (session?.configuration.meetingId !== Meeting.MeetingId) {
    prepare(Meeting, Attendee);
  }
  if (rejoin && rejoin === Meeting.ExternalMeetingId) {
    await join();
  } else {
    enter(state === 'left' ? 'left' : 'ready');
  }
}

async function ask() {
  try {
    const answer = await fetch(`${location.pathname}/session${location.search}`, { cache: 'no-store' });
    const found = await answer.json();
    return found.state ? found : { state: 'unavailable' };
  } catch {
    return { state: 'unavailable' };
  }
}

function prepare(Meeting, Attendee) {
  session?.deviceController.destroy();
  session = new DefaultMeetingSession(
    new MeetingSessionConfiguration(Meeting, Attendee),
    logger,
    new DefaultDeviceController(logger, { enableWebAudio: false }),
  );
  session.audioVideo.addObserver({
    audioVideoDidStart: () => enter('joined', { muted: session.audioVideo.realtimeIsLocalAudioMuted() }),
    audioVideoDidStartConnecting: (reconnecting) => reconnecting && enter('reconnecting'),
    audioVideoDidStop: stopped,
    videoTileDidUpdate,
    videoTileWasRemoved: removeTile,
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
  if (!session || ended.has(session.configuration.meetingId)) {
    enter('loading');
    await look();
    return;
  }
  enter('joining');
  slow = setTimeout(() => state === 'joining' && enter('joining-slowly'), SLOW_MS);
  const { audioVideo } = session;
  await audioVideo.bindAudioElement(element('audio'));
  let microphone = false;
  try {
    const [first] = await audioVideo.listAudioInputDevices();
    await audioVideo.startAudioInput(first.deviceId);
    microphone = true;
  } catch {
    // Without one, or without the permission, people still hear the others.
  }
  facts.microphone = microphone;
  if (state === 'joining' || state === 'joining-slowly') {
    audioVideo.start();
    await offerDevices();
  }
}

async function stopped(status) {
  clearTimeout(slow);
  const wasIn = state === 'joined' || state === 'reconnecting';
  const { meetingId, externalMeetingId } = session.configuration;
  removeTiles();
  await session.audioVideo.stopAudioInput().catch(() => {});
  await session.audioVideo.stopVideoInput().catch(() => {});
  facts.camera = false;
  const code = status.statusCode();
  rejoin = undefined;
  if (code === Code.MeetingEnded || code === Code.NoAttendeePresent) {
    ended.add(meetingId);
    rejoin = wasIn ? externalMeetingId : undefined;
    session.deviceController.destroy();
    session = undefined;
    enter('ended');
    await look();
  } else if (code === Code.Left) {
    enter('left');
  } else if (code === Code.AudioJoinedFromAnotherDevice) {
    enter('elsewhere');
  } else if (code === Code.AudioAttendeeRemoved) {
    enter('removed');
  } else {
    // The next try asks the desk first: there may be another meeting by then.
    session.deviceController.destroy();
    session = undefined;
    const full = code === Code.AudioCallAtCapacity;
    enter('failed', { reason: full ? 'The meeting is full.' : 'Check your connection, and try again.' });
  }
}

function leave() {
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
  await audioVideo.startVideoInput(element('webcam').value || (await audioVideo.listVideoInputDevices())[0].deviceId);
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
// A laptop that was asleep, or a tab that was in the background, knows at once.
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && (state === 'ready' || WAITING.includes(state))) {
    look();
  }
});
look();
