"""Creates identifiers, tokens and URLs in the service's forms."""

import base64
import uuid


def guid() -> str:
    """A meeting's or attendee's id."""
    return str(uuid.uuid4())


def join_token(attendee_id: str) -> str:
    """A join token: unpadded base64 of `AttendeeId:uuid4`."""
    return base64.b64encode(f"{attendee_id}:{uuid.uuid4()}".encode()).decode().rstrip("=")


def arn(partition: str, region: str, account: str, meeting: str) -> str:
    """A meeting's ARN; `region` is the control region."""
    return f"arn:{partition}:chime:{region}:{account}:meeting/{meeting}"


def pipeline_arn(partition: str, region: str, account: str, pipeline: str) -> str:
    """A media pipeline's ARN; its form is that in aws/amazon-chime-sdk-js#2531."""
    return f"arn:{partition}:chime:{region}:{account}:media-pipeline/{pipeline}"


def media_placement(meeting: str, media_region: str) -> dict[str, str]:
    """The URLs that clients connect to.

    Their form is that of a response of the service in aws/amazon-chime-sdk-js#1052.
    """
    host = f"m3.{_abbreviated(media_region)}.app.chime.aws"
    return {
        "AudioHostUrl": f"{uuid.uuid4().hex}.k.{host}:3478",
        "AudioFallbackUrl": f"wss://wss.k.{host}:443/calls/{meeting}",
        "SignalingUrl": f"wss://signal.{host}/control/{meeting}",
        "TurnControlUrl": "https://ccp.cp.ue1.app.chime.aws/v2/turn_sessions",
        "ScreenDataUrl": f"wss://bitpw.{host}:443/v2/screen/{meeting}",
        "ScreenViewingUrl": f"wss://bitpw.{host}:443/ws/connect?passcode=null&viewer_uuid=null"
        f"&X-BitHub-Call-Id={meeting}",
        "ScreenSharingUrl": f"wss://bitpw.{host}:443/v2/screen/{meeting}",
        "EventIngestionUrl": f"https://data.svc.{_abbreviated(media_region)}"
        ".ingest.chime.aws/v1/client-events",
    }


def _abbreviated(region: str) -> str:
    area, *middle, number = region.split("-")
    return area[0] + "".join(word[0] for word in middle) + number
