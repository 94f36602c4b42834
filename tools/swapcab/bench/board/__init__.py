"""What runs on the controller. Never imported as a package there: each file is sent as source."""
