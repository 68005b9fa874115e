"""The head: shapes, actions, people and the assets they come from."""
