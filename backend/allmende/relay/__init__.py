"""Hands operations to the worker that holds an app's event stream, whichever worker or machine they arrive at.

What is to run is a row until it has ended. Who holds the stream hears of rows by the change notices, and runs them.
"""
