"""What to deploy to Azure: one ARM template, written from the queries beside it. Sends nothing anywhere."""
