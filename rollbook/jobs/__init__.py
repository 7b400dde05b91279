"""The worker's door: tasks that follow events, tasks of the calendar, and the loop that runs them."""
