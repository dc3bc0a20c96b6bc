"""From pixels to observed hands: palms, landmarks, sides, tracks."""
