SLIP_TABLE = {"north": 0.8125, "east": 0.0625, "west": 0.0625}
