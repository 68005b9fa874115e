"""From a head to a picture: scene, background, inner loops."""
