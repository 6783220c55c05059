// Reads `stack output join_data --show-secrets --json` and hands each attendee to the real client.
// Says what the client made of it; never a token.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { MeetingSessionConfiguration } = createRequire(import.meta.url)('amazon-chime-sdk-js');

const meetings = JSON.parse(readFileSync(0, 'utf-8'));
const joined = {};
for (const [name, { Meeting, Attendees }] of Object.entries(meetings)) {
  joined[name] = {};
  for (const [externalUserId, Attendee] of Object.entries(Attendees)) {
    const session = new MeetingSessionConfiguration(Meeting, Attendee);
    joined[name][externalUserId] = {
      meetingId: session.meetingId,
      externalMeetingId: session.externalMeetingId,
      attendeeId: session.credentials.attendeeId,
      externalUserId: session.credentials.externalUserId,
      signalingUrl: session.urls.signalingURL,
      audioHostUrl: session.urls.audioHostURL,
      eventIngestionUrl: session.urls.eventIngestionURL,
      tokenIsTaken: session.credentials.joinToken === Attendee.JoinToken,
      maximumVideo: session.meetingFeatures.videoMaxResolution,
    };
  }
}
console.log(JSON.stringify(joined));
