"""Every five minutes: pass reports on to the town hall's own server, and see how far they are there."""

from __future__ import annotations

from datetime import timedelta

from allmende import Job

from .georeport.passing import pass_on

JOBS = (Job(name="pass_on", run=pass_on, every=timedelta(minutes=5), timeout=timedelta(minutes=10)),)
