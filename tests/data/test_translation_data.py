"""Pairs of sentences: files, vocabulary, batches by length."""

from __future__ import annotations

import gzip

import pytest
import torch
from sentence_pairs import ENGLISH, GERMAN, pair_files

from graph2nn.data import load_dataset
from graph2nn.data.samples import Augment
from graph2nn.data.text.sentence_pairs import split_of
from graph2nn.data.text.vocabulary import BEGIN, END, PADDING, decoded, encoded, learn_vocabulary
from graph2nn.errors import UserError

pytest.importorskip("tokenizers", reason="needs tokenizers, of the extra text")


def test_text_comes_back_as_it_was():
    vocabulary = learn_vocabulary([*ENGLISH, *GERMAN], 400)
    sentences = [*GERMAN[:3], "Größe: 3 €, “naïve” – 漢字"]
    assert decoded(vocabulary, encoded(vocabulary, sentences)) == sentences
    assert vocabulary == learn_vocabulary([*ENGLISH, *GERMAN], 400)


def test_two_files_become_three_parts_of_whole_pairs(tmp_path):
    data = load_dataset("multi30k", path=pair_files(tmp_path), cache=tmp_path)
    again = load_dataset("multi30k", path=pair_files(tmp_path), cache=tmp_path)
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 48,
        "validation": 6,
        "test": 6,
    }
    assert (data.task, data.label) == ("translation", again.label)
    for split in (data.validation, data.test):
        source = decoded(data.vocabulary, split.source.tolist())
        assert [GERMAN[ENGLISH.index(sentence)] for sentence in source] == list(split.references)


def test_pairs_with_an_empty_side_are_noted(tmp_path):
    for name, lines in (("a.en", ENGLISH), ("a.de", [*GERMAN[:7], "", *GERMAN[8:]])):
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    data = load_dataset("multi30k", path=f"{tmp_path / 'a.en'},{tmp_path / 'a.de'}", cache=tmp_path)
    assert sum(map(len, data.splits.values())) == 59
    assert data.notes[0] == (
        "1 of 60 pairs of lines of a.en and a.de have an empty side and were left out (the first is line 8)."
    )


def test_the_folder_of_multi30k_is_read_packed_or_not(tmp_path):
    for stem in ("train", "val", "test_2016_flickr"):
        (tmp_path / f"{stem}.en").write_text("\n".join(ENGLISH), encoding="utf-8")
        (tmp_path / f"{stem}.de.gz").write_bytes(gzip.compress("\n".join(GERMAN).encode()))
    data = load_dataset("multi30k", path=tmp_path, cache=tmp_path)
    assert [len(split) for split in data.splits.values()] == [60, 60, 60]
    assert data.label.startswith("Multi30k en→de (")
    (tmp_path / "val.en").unlink()
    with pytest.raises(UserError, match=r"has no val\.en or val\.en\.gz"):
        load_dataset("multi30k", path=tmp_path, cache=tmp_path)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (ENGLISH[:-1], GERMAN, "has 59 lines and .* 60"),
        ([""] * 60, GERMAN, "no pair of lines with text"),
        (ENGLISH[:5], GERMAN[:5], "5 lines, too few"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, source, target, message):
    with pytest.raises(UserError, match=message):
        load_dataset("multi30k", path=pair_files(tmp_path, source, target), cache=tmp_path)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "latin").write_bytes("schön".encode("latin-1"))
    for path, message in ((f"{tmp_path}/absent,b", "does not exist"), (f"{tmp_path}/latin,b", "UTF-8")):
        with pytest.raises(UserError, match=message):
            load_dataset("multi30k", path=path, cache=tmp_path)


def some_pairs(count=103):
    draws = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 30, (count, 2), generator=draws).tolist()
    return split_of(
        [[3 + k] * a for k, (a, _) in enumerate(lengths)], [[3 + k] * b for k, (_, b) in enumerate(lengths)], 9
    )


def test_an_epoch_has_every_pair_once_in_batches_of_similar_length():
    split = some_pairs()
    options = {"mean": [0.0], "sd": [1.0], "augment": Augment()}
    epoch = list(split.batches(8, generator=torch.Generator().manual_seed(1), **options))
    assert [len(following) for _, following in epoch] == [8] * 12
    numbers = [int(row[0, 0]) for pairs, _ in epoch for row in pairs]
    assert len(set(numbers)) == 96
    spread = [
        int(((pairs != PADDING).sum(2).amax(1)).max() - (pairs != PADDING).sum(2).amax(1).min())
        for pairs, _ in epoch
    ]
    assert sum(spread) / len(spread) < 6
    later = list(split.batches(8, generator=torch.Generator().manual_seed(1), skip=5, limit=7, **options))
    assert len(later) == 2
    assert torch.equal(later[0][0], epoch[5][0])
    with pytest.raises(UserError, match="for images"):
        next(split.batches(8, generator=torch.Generator(), **{**options, "augment": Augment(flip=True)}))


def test_the_decoder_reads_what_it_has_said_so_far():
    pairs, following = split_of([[5, 6], [7]], [[8, 9, 10], [11]], 3).batch(torch.arange(2))
    assert pairs[:, 0].tolist() == [[5, 6, END, 0], [7, END, 0, 0]]
    assert pairs[:, 1].tolist() == [[BEGIN, 8, 9, 10], [BEGIN, 11, 0, 0]]
    assert following.tolist() == [[8, 9, 10, END], [11, END, 0, 0]]
