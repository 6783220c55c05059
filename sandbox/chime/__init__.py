"""An emulated Amazon Chime SDK Meetings API.

Goals
-----
- The sixteen operations of botocore's service model ``chime-sdk-meetings`` 2021-07-15, routed,
  parsed and refused by that model through moto's own parser and serializer, and answered in its
  form, so that any AWS SDK can be the client.
- What the service enforces and botocore doesn't: lengths, patterns and enumerations; 1 to 20
  attendees at a create, 250 in a meeting; the rules among capabilities and features; replicas;
  tags; control and media regions.
- Mortality, on a clock that can be moved: a meeting ends when nobody has been connected for five
  minutes, after 24 hours at most, and with its primary. Calls that name it then say NotFound.
- Idempotency: a ClientRequestToken stands for the meeting that it made, an ExternalUserId for the
  attendee.
- Errors in the service's form, so that clients raise their typed exceptions.
- Notifications: what happens in a meeting is told to the queue and the topic that its maker named,
  in the control region, and only where the policy of the queue or topic lets the service in.
- Faults and quotas that tests turn on, and a journal that says what happened.

Limitations
-----------
- No media: nobody can really join. Joining, leaving and dropping are done on the admin route, and
  so is what video and content do.
- A meeting is told to have started when it is made, in the order of events, once each. The service
  may wait for somebody to join, and may deliver out of order.
- A queue's or topic's policy must have a condition on aws:SourceAccount. That is stricter than the
  service, for which one on aws:SourceArn is guard enough.
- KMS and Lambda aren't there: what a KMS key's policy would forbid is delivered, what is for a
  function is swallowed. What a topic passes on is moto's: queues' policies aren't asked for it.
- Nothing is authorized: signatures are read for their service and region, not verified.
- Transcription is noted and changes nothing.
- A meeting is found in the control region that made it. Ended meetings are forgotten after a day.
- The journal is kept in memory, the latest 200,000 calls of it; the state file has the rest.

Knobs
-----
The admin route is ``/_sandbox/``; ``sandbox.admin`` is its client, on a command line too. Where
nobody has verified what the live service does, a knob has both settings:

==================== ==================== ======================================================
knob                 settings             what it decides
==================== ==================== ======================================================
ended_token          **dead**, new        a create with an ended meeting's ClientRequestToken
                                          answers with that dead meeting, or makes a new one
repeated_attendees   **original**, none   a repeated CreateMeetingWithAttendees answers with the
                                          attendees of the first, or with none
changed_parameters   **original**,        a known ClientRequestToken with other parameters brings
                     conflict             the original meeting, or Conflict
attendee_overflow    **call**, item       a batch past the limit of attendees fails as a whole
                                          (LimitExceeded), or for those past it, in ``Errors``
source_arn           **regional**,        the aws:SourceArn of notifications: the meeting's ARN, or
                     global               one without a region, as AWS documented it before
read_join_tokens     **true**, false      GetAttendee, ListAttendees and
                                          UpdateAttendeeCapabilities answer with join tokens
meetings_per_account **250**              how many meetings an account can have at once
latency              **0**                seconds that every call takes at least
==================== ==================== ======================================================

Faults wait in line; each of the next calls takes the first that fits its operation. They act
before the service does, or after it and before the answer:

=========== ====================================================================================
throttle    429 ThrottlingException
failure     500 ServiceFailureException
unavailable 503 ServiceUnavailableException, with Retry-After
limit       400 LimitExceededException
forbidden   403 ForbiddenException
conflict    409 ConflictException
drop        the connection is closed without an answer
delay       the call takes so many seconds more
end         the meeting that the call names, or has just made, ends at that moment
hold        the call stops there until it is released
=========== ====================================================================================

Attendee faults refuse single attendees of the next batches, in ``Errors``. A quota is a token
bucket, ``rate`` requests a second and ``burst`` at once, for one operation or for each; the
service's own are 10 and 20, and none is on by default.
"""
