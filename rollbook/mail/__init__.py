"""What a mail says, and how it is handed to the SMTP server. Only jobs imports this."""
