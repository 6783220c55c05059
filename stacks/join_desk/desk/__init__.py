"""The join desk: join links that stay the same when meetings are replaced."""
