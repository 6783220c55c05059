// Drives the emulator with AWS's client, and prints what it saw as JSON.
import * as chime from "@aws-sdk/client-chime-sdk-meetings";

const endpoint = process.env.AWS_ENDPOINT_URL;
const client = new chime.ChimeSDKMeetingsClient({ maxAttempts: 1 });

const fault = (body) =>
  fetch(`${endpoint}/_sandbox/faults`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

const failure = async (type, command, detail) => {
  try {
    await client.send(command);
  } catch (error) {
    if (!(error instanceof type)) throw error;
    return [error.name, error.$metadata.httpStatusCode, detail(error)];
  }
  throw new Error(`${type.name} expected`);
};

const tagsOf = async (ResourceARN) => {
  const { Tags } = await client.send(new chime.ListTagsForResourceCommand({ ResourceARN }));
  return Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]));
};

const created = await client.send(
  new chime.CreateMeetingWithAttendeesCommand({
    ClientRequestToken: "javascript",
    MediaRegion: "eu-central-1",
    ExternalMeetingId: "keynote",
    Attendees: [{ ExternalUserId: "ana" }, { ExternalUserId: "ben" }],
    Tags: [{ Key: "room", Value: "b1" }],
  }),
);
const { MeetingId, MeetingArn } = created.Meeting;
const [ana] = created.Attendees;

await client.send(
  new chime.BatchCreateAttendeeCommand({ MeetingId, Attendees: [{ ExternalUserId: "cleo" }] }),
);

const pages = [];
let NextToken;
do {
  const page = await client.send(
    new chime.ListAttendeesCommand({ MeetingId, MaxResults: 1, NextToken }),
  );
  pages.push(page.Attendees.map((each) => each.ExternalUserId));
  NextToken = page.NextToken;
} while (NextToken);

const updated = await client.send(
  new chime.UpdateAttendeeCapabilitiesCommand({
    MeetingId,
    AttendeeId: ana.AttendeeId,
    Capabilities: { Audio: "Receive", Video: "Receive", Content: "None" },
  }),
);

await client.send(
  new chime.TagResourceCommand({
    ResourceARN: MeetingArn,
    Tags: [{ Key: "room", Value: "b2" }, { Key: "team", Value: "events" }],
  }),
);
const tags = await tagsOf(MeetingArn);
await client.send(new chime.UntagResourceCommand({ ResourceARN: MeetingArn, TagKeys: ["room"] }));
const untagged = await tagsOf(MeetingArn);

const get = new chime.GetMeetingCommand({ MeetingId });
const missing = MeetingArn.replace(MeetingId, "00000000-0000-4000-8000-000000000000");
const typed = {
  badCapabilities: await failure(
    chime.BadRequestException,
    new chime.CreateAttendeeCommand({
      MeetingId,
      ExternalUserId: "dan",
      Capabilities: { Audio: "None", Video: "None", Content: "Receive" },
    }),
    (error) => error.Code,
  ),
  noSuchTagResource: await failure(
    chime.ResourceNotFoundException,
    new chime.ListTagsForResourceCommand({ ResourceARN: missing }),
    (error) => error.ResourceName,
  ),
};
await fault({ kind: "throttle" });
typed.throttled = await failure(chime.ThrottlingException, get, (error) => error.message);
await fault({ kind: "unavailable", seconds: 7 });
typed.unavailable = await failure(
  chime.ServiceUnavailableException,
  get,
  (error) => error.RetryAfterSeconds,
);

await client.send(
  new chime.DeleteAttendeeCommand({ MeetingId, AttendeeId: ana.AttendeeId }),
);
await client.send(new chime.DeleteMeetingCommand({ MeetingId }));
typed.afterDeletion = await failure(chime.NotFoundException, get, (error) => error.message);

console.log(
  JSON.stringify({
    created: created.Attendees.map((each) => each.ExternalUserId),
    joinTokenLength: ana.JoinToken.length,
    errors: created.Errors,
    pages,
    capabilities: updated.Attendee.Capabilities,
    tags,
    untagged,
    missing,
    typed,
  }),
);
