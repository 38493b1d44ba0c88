"""Plans: an operation compiled once into statements that fetch what it selects, and a function that writes the answer.

README.md in this folder explains the room.
"""
