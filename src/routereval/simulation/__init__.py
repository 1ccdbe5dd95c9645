"""Made leaderboards: whole ones of any size, and the demo with texts and costs."""
