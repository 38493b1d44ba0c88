"""The door of the house: every request passes here first, before any of its content is looked at.

`rules` has the numbers, `visitor` says who is asking, `hosts` which names this instance answers to and which pages of
other sites may ask, `buckets` how often one may come, `hall` how many are inside at once, `body` reads what they bring,
`door` is the ASGI application that does all of it in order. Nothing of a request is ever echoed here.
"""
