"""Alternative texts of the figures: what kind of picture each is and what its axes hold."""

from __future__ import annotations

#: By the start of a figure's name. The score stands for the error, or for what another task minimises.
_TEXTS = {
    "map": "Scatter plot of all graphs: clustering coefficient across, average path length up, "
    "colour the mean score.",
    "error_clustering": "Scatter plot of the mean score of each graph against its clustering coefficient, "
    "with the baseline as a horizontal line.",
    "error_path_length": "Scatter plot of the mean score of each graph against its average path length, with "
    "the baseline as a horizontal line.",
    "graphs_": "Drawings of single graphs, each as nodes on a circle and as its adjacency matrix "
    "below.",
    "ranking": "Histogram of the mean scores of all graphs above a list of the best and the worst "
    "with their intervals; a vertical line marks the baseline.",
    "learning_curves": "Line chart of the score over the epochs, on training and test data, for selected "
    "graphs and the baseline.",
    "gains": "Dot plot, a row for each task: left the mean score of the baseline and of the best "
    "graph, right the gains over the baseline, all with intervals.",
    "tasks_spots": "Rectangles over clustering coefficient and average path length, one for each task.",
    "tasks_maps": "One map of cells over clustering coefficient and average path length for each "
    "task, coloured by the mean score.",
    "tasks_correlation": "Matrix of panels, a row and a column for each task: scatter plots below the "
    "diagonal, correlations above it.",
    "epochs_correlation": "Line chart, a line for each task: the correlation of the scores after an epoch "
    "with those after the last.",
    "tasks_learning": "Line charts of the score over the epochs, one for each task: best graph, baseline "
    "and worst graph.",
    "levels_": "Three maps over clustering coefficient and average path length, in coarse, medium "
    "and fine cells, coloured by the mean score.",
    "slices_": "Two scatter plots with fitted parabolas: the score over path length at a fixed "
    "range of clustering, and over clustering at a fixed range of path length.",
    "corners_": "The map of all graphs with drawings of single graphs around it, a line from each "
    "to its place.",
    "few_": "Scatter plots of the mean score of each cell from a small catalogue against that "
    "from all graphs.",
    "count_": "Line chart of a correlation that rises with the number of graphs trained.",
    "nulls_": "Dot plot, a row for each graph: its mean score next to those of its null models, "
    "with intervals.",
    "against_": "Scatter plot of the mean score of each graph here against its score in the other "
    "results.",
    "selection_": "Above, the gain of the chosen graph over the baseline with its interval; below, "
    "bars of how often each graph is chosen and how probably it is the best.",
    "surface_": "Three maps of a fitted surface over clustering coefficient and average path "
    "length: the expected score, its standard deviation, and the probability of being "
    "close to the lowest.",
    "predictors_": "Dot plot, a row for each measure: the share of the differences between graphs that "
    "it predicts, with their spread over cells.",
    "connectomes_": "The map of all graphs with the places of connectomes marked.",
}  # fmt: skip


def alt_text(name: str, title: str) -> str:
    """What a reader who does not see a figure is told instead of it; its caption follows on the page.

    Args:
        name: of the figure, as its file is called.
        title: shown above it; says what an unlisted figure is.

    Returns:
        One sentence.

    >>> alt_text("map", "Where the error is low")
    'Scatter plot of all graphs: clustering coefficient across, average path length up, colour the mean score.'
    """
    starts = [start for start in _TEXTS if name.startswith(start)]
    return _TEXTS[max(starts, key=len)] if starts else f"Figure: {title}."
