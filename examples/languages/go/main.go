package main

import (
	chime "example.com/pulumi-chime-meetings/sdk/go/chime-meetings"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		standup, err := chime.NewMeeting(ctx, "standup", &chime.MeetingArgs{
			Attendees: chime.AttendeeMap{
				"ann": &chime.AttendeeArgs{},
				"bob": &chime.AttendeeArgs{
					Capabilities: &chime.CapabilitiesArgs{
						Audio:   chime.MediaCapabilitySendReceive,
						Video:   chime.MediaCapabilityReceive,
						Content: chime.MediaCapabilityReceive,
					},
				},
			},
			MeetingFeatures: &chime.MeetingFeaturesArgs{
				Video: &chime.VideoFeaturesArgs{MaxResolution: chime.VideoResolutionHD},
			},
			Tags: pulumi.StringMap{"team": pulumi.String("blue")},
		})
		if err != nil {
			return err
		}
		ctx.Export("id", standup.ID())
		ctx.Export("meeting", standup.ApiMeeting)
		ctx.Export("ann", pulumi.StringMap{
			"ExternalUserId": pulumi.String("ann"),
			"AttendeeId":     standup.AttendeeIds.MapIndex(pulumi.String("ann")),
			"JoinToken":      standup.JoinTokens.MapIndex(pulumi.String("ann")),
		})
		return nil
	})
}
