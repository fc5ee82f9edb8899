"""Which interaction an incoming message answers: reading the message, the rules, the classifier, the outcome."""
