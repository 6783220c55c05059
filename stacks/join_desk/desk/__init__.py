"""The join desk: what stays the same for an attendee while meetings come and go."""
