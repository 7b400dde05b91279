"""What happened and what follows: events, reactions, the queue of tasks, the provisioning log."""
