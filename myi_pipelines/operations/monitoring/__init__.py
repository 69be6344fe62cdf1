"""How a deployment is: `vitals` reads the numbers, `health` judges them, `metrics` tells them to Prometheus; `failures`
and `notifications` tell people."""
