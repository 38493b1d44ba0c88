"""The response cache: answers as bytes, dropped exactly when something that they show has changed.

`keep.py` decides (what is asked, whether it still holds, one computation for many who wait), `variant.py` tells readers
apart only as far as the answer did, `store.py` bounds the memory, `entry.py` is what is kept and what goes out with it.
What an answer rests on is noted while it is made (`allmende.footprint`); what has changed is on the machine's board
(`allmende.db.board`).
"""
