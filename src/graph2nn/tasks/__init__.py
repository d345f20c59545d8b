"""What a network is trained for: the loss, the metrics, and the score that is minimised, with its unit.

Scores are plain values and cost no import; the tasks themselves are in the modules next to this one, which wait
for torch.
"""

from graph2nn.tasks.score import TOP1, Score

__all__ = ["TOP1", "Score"]
