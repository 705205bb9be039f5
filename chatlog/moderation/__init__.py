"""What `chatlog moderation` tells and makes: rates, agreement, samples to label, calibration, jailbreaks."""
