"""How a deployment is: ``health_snapshot`` reads the numbers, ``health`` evaluates them. The commands, Prometheus and
Dagster's asset checks show what ``health`` says; ``notifications`` sends messages to people."""
