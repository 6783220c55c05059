import com.pulumi.Pulumi;
import com.pulumi.chimemeetings.Meeting;
import com.pulumi.chimemeetings.MeetingArgs;
import com.pulumi.chimemeetings.enums.MediaCapability;
import com.pulumi.chimemeetings.enums.VideoResolution;
import com.pulumi.chimemeetings.inputs.AttendeeArgs;
import com.pulumi.chimemeetings.inputs.CapabilitiesArgs;
import com.pulumi.chimemeetings.inputs.MeetingFeaturesArgs;
import com.pulumi.chimemeetings.inputs.VideoFeaturesArgs;
import com.pulumi.core.Output;
import java.util.Map;

public class App {
    public static void main(String[] args) {
        Pulumi.run(ctx -> {
            var standup = new Meeting("standup", MeetingArgs.builder()
                .attendees(Map.of(
                    "ann", AttendeeArgs.builder().build(),
                    "bob", AttendeeArgs.builder()
                        .capabilities(CapabilitiesArgs.builder()
                            .audio(MediaCapability.SendReceive)
                            .video(MediaCapability.Receive)
                            .content(MediaCapability.Receive)
                            .build())
                        .build()))
                .meetingFeatures(MeetingFeaturesArgs.builder()
                    .video(VideoFeaturesArgs.builder().maxResolution(VideoResolution.HD).build())
                    .build())
                .tags(Map.of("team", "blue"))
                .build());

            ctx.export("id", standup.id());
            ctx.export("meeting", standup.apiMeeting());
            ctx.export("ann", Output.tuple(standup.attendeeIds(), standup.joinTokens())
                .applyValue(both -> Map.of(
                    "ExternalUserId", "ann",
                    "AttendeeId", both.t1.get("ann"),
                    "JoinToken", both.t2.get("ann"))));
        });
    }
}
