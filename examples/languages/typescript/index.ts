import * as chime from "@pulumi/chime-meetings";

const standup = new chime.Meeting("standup", {
    attendees: {
        ann: {},
        bob: { capabilities: { audio: "SendReceive", video: "Receive", content: "Receive" } },
    },
    meetingFeatures: { video: { maxResolution: "HD" } },
    tags: { team: "blue" },
});

export const id = standup.id;
export const meeting = standup.apiMeeting;
export const ann = {
    ExternalUserId: "ann",
    AttendeeId: standup.attendeeIds["ann"],
    JoinToken: standup.joinTokens["ann"],
};
