"""BibTeX entries of the method, of this software and of the data that a report speaks of."""

from __future__ import annotations

from collections.abc import Sequence

_METHOD = """@inproceedings{you2020graph,
  title     = {Graph Structure of Neural Networks},
  author    = {You, Jiaxuan and Leskovec, Jure and He, Kaiming and Xie, Saining},
  booktitle = {Proceedings of the 37th International Conference on Machine Learning},
  series    = {Proceedings of Machine Learning Research},
  volume    = {119},
  pages     = {10881--10891},
  year      = {2020}
}"""
_CIFAR = """@techreport{krizhevsky2009learning,
  title       = {Learning Multiple Layers of Features from Tiny Images},
  author      = {Krizhevsky, Alex},
  institution = {University of Toronto},
  year        = {2009}
}"""
_IMAGENET = """@article{russakovsky2015imagenet,
  title   = {{ImageNet} Large Scale Visual Recognition Challenge},
  author  = {Russakovsky, Olga and Deng, Jia and Su, Hao and Krause, Jonathan and Satheesh, Sanjeev and
             Ma, Sean and Huang, Zhiheng and Karpathy, Andrej and Khosla, Aditya and Bernstein, Michael and
             Berg, Alexander C. and Fei-Fei, Li},
  journal = {International Journal of Computer Vision},
  volume  = {115},
  number  = {3},
  pages   = {211--252},
  year    = {2015},
  doi     = {10.1007/s11263-015-0816-y}
}"""
_MNIST = """@article{lecun1998gradient,
  title   = {Gradient-Based Learning Applied to Document Recognition},
  author  = {LeCun, Yann and Bottou, L{\\'e}on and Bengio, Yoshua and Haffner, Patrick},
  journal = {Proceedings of the IEEE},
  volume  = {86},
  number  = {11},
  pages   = {2278--2324},
  year    = {1998},
  doi     = {10.1109/5.726791}
}"""
_FASHION = """@misc{xiao2017fashion,
  title         = {{Fashion-MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms},
  author        = {Xiao, Han and Rasul, Kashif and Vollgraf, Roland},
  year          = {2017},
  eprint        = {1708.07747},
  archiveprefix = {arXiv}
}"""
_DIGITS = """@misc{alpaydin1998optical,
  title        = {Optical Recognition of Handwritten Digits},
  author       = {Alpaydin, Ethem and Kaynak, Cenk},
  howpublished = {UCI Machine Learning Repository},
  year         = {1998},
  doi          = {10.24432/C50P49}
}"""
#: By the names that runs tables give the data, in small letters without hyphens.
_DATA = {
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
    "imagenet": _IMAGENET,
    "mnist": _MNIST,
    "fashionmnist": _FASHION,
    "digits": _DIGITS,
}


def bibtex(data: Sequence[str], *, version: str) -> str:
    """Return the entries that a paper with these results needs.

    Args:
        data: names of the data sets, as in the runs table.
        version: of graph2nn.

    Returns:
        The method's entry, the software's, and one for each data set; a comment names data without an entry.

    >>> print(bibtex(["photos"], version="1.2").splitlines()[-1])
    % photos: your own data, or of another source; cite it here.
    """
    software = (
        f"@software{{graph2nn,\n  title   = {{graph2nn: turn any graph into a neural network}},\n"
        f"  author  = {{{{The graph2nn maintainers}}}},\n  version = {{{version}}}\n}}"
    )
    entries = [_METHOD, software]
    for name in data:
        plain = name.lower().replace("-", "")
        # "CIFAR-10 (a copy)" is CIFAR-10; the longest name wins, so that no part of another one does.
        match = max((key for key in _DATA if plain.startswith(key)), key=len, default=None)
        entries.append(
            f"% {name}: your own data, or of another source; cite it here." if match is None else _DATA[match]
        )
    return "\n\n".join(dict.fromkeys(entries)) + "\n"
