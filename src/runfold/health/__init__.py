"""What is wrong with a store, said before anybody asks: thresholds, metrics, alerts, probes, and the doctor."""
