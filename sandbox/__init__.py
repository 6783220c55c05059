"""What stands in for the network where there is none: the cloud, the engine and the AWS plugin."""
