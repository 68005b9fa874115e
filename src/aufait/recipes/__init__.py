"""Recipes of the papers, one YAML file each; read them with ``aufait.training.recipe.load_recipe``."""
