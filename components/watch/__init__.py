"""What scales and watches the model servers: reader, sender, scaler, alarms.

Not here: thresholds and series (the plan).
"""
