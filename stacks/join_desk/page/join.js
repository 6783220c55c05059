// Joins with what the desk hands out for this link, asked for anew for each session: a meeting that
// has ended is followed by a successor, at the same link.
import {
  ConsoleLogger,
  DefaultDeviceController,
  DefaultMeetingSession,
  LogLevel,
  MeetingSessionConfiguration,
} from 'amazon-chime-sdk-js';

const logger = new ConsoleLogger('desk', LogLevel.ERROR);
const element = (id) => document.getElementById(id);
const say = (text) => { element('status').textContent = text; };
const inMeeting = ['mute', 'camera', 'leave'];

let session;

async function prepare() {
  const answer = await fetch(`${location.pathname}/session${location.search}`, { cache: 'no-store' });
  if (!answer.ok) {
    throw new Error(await answer.text());
  }
  const { Meeting, Attendee } = await answer.json();
  const configuration = new MeetingSessionConfiguration(Meeting, Attendee);
  session?.deviceController.destroy();
  session = new DefaultMeetingSession(
    configuration,
    logger,
    new DefaultDeviceController(logger, { enableWebAudio: false }),
  );
  session.audioVideo.addObserver({ audioVideoDidStart, audioVideoDidStop, videoTileDidUpdate, videoTileWasRemoved });
  show(session.configuration);
}

function show({ meetingId, externalMeetingId, credentials, urls }) {
  const facts = {
    meetingId,
    externalMeetingId,
    attendeeId: credentials.attendeeId,
    externalUserId: credentials.externalUserId,
    signalingUrl: urls.signalingURL,
    audioHostUrl: urls.audioHostURL,
  };
  for (const place of document.querySelectorAll('[data-shows]')) {
    place.textContent = facts[place.dataset.shows];
  }
  document.title = externalMeetingId;
  element('connection').hidden = false;
}

async function ready() {
  for (const id of inMeeting) {
    element(id).hidden = true;
  }
  try {
    await prepare();
    say('Ready to join.');
    element('join').textContent = 'Join';
  } catch (error) {
    session = undefined;
    say(error.message);
    element('join').textContent = 'Try again';
  }
  element('join').hidden = false;
}

async function join() {
  if (!session) {
    await ready();
    return;
  }
  element('join').hidden = true;
  say('Joining…');
  const { audioVideo } = session;
  await audioVideo.bindAudioElement(element('audio'));
  try {
    const [microphone] = await audioVideo.listAudioInputDevices();
    await audioVideo.startAudioInput(microphone?.deviceId ?? null);
  } catch {
    say('Joining without a microphone…');
  }
  audioVideo.start();
}

function audioVideoDidStart() {
  say('You are in the meeting.');
  for (const id of inMeeting) {
    element(id).hidden = false;
  }
}

async function audioVideoDidStop() {
  await ready();
}

function videoTileDidUpdate(tile) {
  if (!tile.boundAttendeeId) {
    return;
  }
  const id = `tile-${tile.tileId}`;
  const video = element(id) ?? element('tiles').appendChild(document.createElement('video'));
  video.id = id;
  session.audioVideo.bindVideoElement(tile.tileId, video);
}

function videoTileWasRemoved(tileId) {
  element(`tile-${tileId}`)?.remove();
}

async function toggleCamera() {
  const { audioVideo } = session;
  if (audioVideo.hasStartedLocalVideoTile()) {
    audioVideo.stopLocalVideoTile();
    await audioVideo.stopVideoInput();
    element('camera').textContent = 'Start camera';
    return;
  }
  const [camera] = await audioVideo.listVideoInputDevices();
  await audioVideo.startVideoInput(camera.deviceId);
  audioVideo.startLocalVideoTile();
  element('camera').textContent = 'Stop camera';
}

function toggleMute() {
  const { audioVideo } = session;
  if (audioVideo.realtimeIsLocalAudioMuted()) {
    audioVideo.realtimeUnmuteLocalAudio();
  } else {
    audioVideo.realtimeMuteLocalAudio();
  }
  element('mute').textContent = audioVideo.realtimeIsLocalAudioMuted() ? 'Unmute' : 'Mute';
}

const complain = (action) => async () => {
  try {
    await action();
  } catch (error) {
    say(error.message);
  }
};

element('join').addEventListener('click', complain(join));
element('mute').addEventListener('click', complain(toggleMute));
element('camera').addEventListener('click', complain(toggleCamera));
element('leave').addEventListener('click', () => session.audioVideo.stop());
ready();
