using System.Collections.Generic;
using Pulumi;
using Pulumi.ChimeMeetings;
using Pulumi.ChimeMeetings.Inputs;

return await Deployment.RunAsync(() =>
{
    var standup = new Meeting("standup", new MeetingArgs
    {
        Attendees =
        {
            ["ann"] = new AttendeeArgs(),
            ["bob"] = new AttendeeArgs
            {
                Capabilities = new CapabilitiesArgs
                {
                    Audio = MediaCapability.SendReceive,
                    Video = MediaCapability.Receive,
                    Content = MediaCapability.Receive,
                },
            },
        },
        MeetingFeatures = new MeetingFeaturesArgs
        {
            Video = new VideoFeaturesArgs { MaxResolution = VideoResolution.HD },
        },
        Tags = { ["team"] = "blue" },
    });

    return new Dictionary<string, object?>
    {
        ["id"] = standup.Id,
        ["meeting"] = standup.ApiMeeting,
        ["ann"] = new Dictionary<string, object?>
        {
            ["ExternalUserId"] = "ann",
            ["AttendeeId"] = standup.AttendeeIds.Apply(ids => ids["ann"]),
            ["JoinToken"] = standup.JoinTokens.Apply(tokens => tokens["ann"]),
        },
    };
});
