"""Beyond the paper: what the published analysis leaves open, each with its uncertainty.

==============  ==========================================================================================
selection       gain of the best graph, free of the luck of being picked
surface         the sweet spot as a posterior surface over (C, L)
predictors      which measures of a graph predict its error, by held-out score
nulls           graphs against their own rewirings, and how many runs that takes
connectomes     connectomes on the plane of the best networks
study           all of it for one task
==============  ==========================================================================================

The modules are imported by name; none is imported here, as some wait for scikit-learn.
"""
