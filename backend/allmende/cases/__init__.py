"""One register of all that citizens submit and the town hall works on."""
