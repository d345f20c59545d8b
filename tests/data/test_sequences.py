"""Sequences by a word: what is drawn, held and asked for, and what is refused."""

import numpy as np
import pytest
import torch

from graph2nn import UserError, load_dataset
from graph2nn.data import store
from graph2nn.data.sequence_sets import NOT_ASKED, asked, load_sequences
from graph2nn.data.sequence_tasks import n_back


def test_steps_are_held_and_asked_for_in_their_last_round():
    data = load_sequences("n-back:time=7,back=2,samples=30,test=10,hold=3,seed=4")
    drawn = n_back(30, time=7, back=2, seed=4)
    assert data.image_shape == (21, 4)
    assert torch.equal(data.train.images[:, ::3], torch.from_numpy(drawn.x))
    assert torch.equal(data.train.images[:, 2::3], torch.from_numpy(drawn.x))
    rounds = asked(data.train.labels)[0].nonzero().flatten().tolist()
    assert rounds == [8, 11, 14, 17, 20]
    assert torch.equal(data.train.labels[:, rounds], torch.from_numpy(drawn.y)[:, 2:])
    assert (data.train.labels[:, 0] == NOT_ASKED).all()
    # The test part is another draw.
    assert torch.equal(data.test.images[:, ::3], torch.from_numpy(n_back(10, time=7, back=2, seed=5).x))


def test_numbers_are_nan_where_nothing_is_asked_for():
    data = load_dataset("memory-capacity:time=12,delays=3,samples=50,test=5")
    assert (data.num_classes, data.targets, data.numeric) == (3, ("delay 1", "delay 2", "delay 3"), True)
    assert torch.isnan(data.train.labels[:, :3]).all()
    assert not torch.isnan(data.train.labels[:, 3:]).any()
    np.testing.assert_allclose(data.target_sd, 3**-0.5, rtol=0.1)


def test_the_label_says_what_differs_and_nothing_else():
    label = load_sequences("narma10:time=60,samples=20").label
    assert label == "narma10:samples=20,time=60"
    assert load_sequences(label).label == label
    assert load_sequences("delayed-match:seed=0,samples=40,test=20,hold=1").label == (
        "delayed-match:samples=40,test=20"
    )


def test_sequences_survive_the_store(tmp_path):
    data = load_sequences("delayed-match:samples=20,test=10")
    store.save_stored(data, tmp_path / "kept.safetensors")
    kept = store.load_stored(tmp_path / "kept.safetensors")
    assert kept.task == "sequence-classes"
    assert torch.equal(kept.train.labels, data.train.labels)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("n-back:bak=3", "did you mean 'back'"),
        ("n-back:back", "expected back=a whole number"),
        ("n-back:back=2.5", "expected back=a whole number"),
        ("n-back:back=1,back=2", "given twice"),
        ("n-back:hold=0", "hold = 0, expected at least 1"),
        ("n-back:matches=2", "matches = 2"),
        ("narma:time=30", "did you mean 'narma10'"),
        ("neurogym:Nothing-v0", "NeuroGym|did you mean|neurogym"),
    ],
)
def test_wrong_words_are_refused_in_one_line(word, message):
    with pytest.raises(UserError, match=message) as raised:
        load_dataset(word)
    assert "\n" not in str(raised.value)


def test_neurogym_trials_are_sequences():
    pytest.importorskip("neurogym", reason="needs the extra neurogym")
    word = "neurogym:PerceptualDecisionMaking-v0:time=25,samples=12,test=6"
    data, again = load_dataset(word), load_dataset(word)
    assert data.image_shape == (25, 3)
    assert data.classes == ("choice 0", "choice 1", "choice 2")
    assert torch.equal(data.train.images, again.train.images)
    assert not torch.equal(data.train.images[:6], data.test.images)
    assert data.train.labels.unique().tolist() == [0, 1, 2]
