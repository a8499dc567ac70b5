"""How a network is trained."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfcovid.config.part import Count, Part, Positive, Share


class Augmentation(Part):
    """Random changes of a training slice, drawn for each slice and step inside the training graph.

    Position first, in one resampling; then grey levels in [0, 1], after the window.
    """

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0  # up to so many degrees either way
    scale: Annotated[float, Field(ge=0, le=0.9)] = 0.0  # sides between 1 - scale and 1 + scale
    shear: Annotated[float, Field(ge=0, le=80)] = 0.0  # degrees
    translation: Share = 0.0  # of the side
    brightness: Share = 0.0  # added
    contrast: Share = 0.0  # a factor between 1 - contrast and 1 + contrast, about the mean
    gamma: Share = 0.0  # an exponent between 1 / (1 + gamma) and 1 + gamma
    noise: Share = 0.0  # standard deviation of Gaussian noise, at most
    local_contrast: Annotated[float, Field(ge=0)] = 0.0  # up to so much more of it, as after CLAHE
    blur: Share = 0.0  # of a smoothed picture mixed in, at most
    coarse_dropout: Annotated[float, Field(ge=0, le=1)] = 0.0  # probability of 8 holes in the image


class Drop(Part):
    """Multiplies the learning rate by `factor` after every `every` epochs."""

    every: Count
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1


class Cosine(Part):
    """Rises in a straight line for `warm_up` epochs, then falls as half a cosine to `end` times the learning rate."""

    warm_up: Annotated[float, Field(ge=0)] = 0.0  # epochs
    end: Share = 0.0


class Phase(Part):
    """Some epochs with part of the slice network frozen; the next phase starts from its weights, optimizer anew."""

    epochs: Count
    heads_only: bool = False  # all of the backbones frozen
    freeze: Annotated[int, Field(ge=0)] = 0  # the first layers of each backbone
    learning_rate: Positive | None = None  # null: that of the training

    @model_validator(mode="after")
    def _one_of_them(self) -> "Phase":
        if self.heads_only and self.freeze:
            raise ValueError("freeze: heads_only freezes all of the backbones; choose one")
        return self


class Training(Part):
    epochs: Count
    batch: Count  # over all devices together
    learning_rate: Positive
    drop: Drop | None = None
    cosine: Cosine | None = None
    optimizer: Literal["sgd", "adam", "rmsprop"] = "sgd"
    momentum: Share = 0.9  # of sgd
    weight_decay: Annotated[float, Field(ge=0)] = 0.0  # of kernels; gains, biases and norms have none
    decay: Literal["l2", "decoupled"] = "l2"  # into the gradient, as "weight decay" of Adam mostly is, or beside it
    accumulate: Count = 1  # batches an update
    ema: Share = 0.0  # momentum of the running mean of the weights that is kept; 0: none
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    label_smoothing: Share = 0.0
    class_weights: bool = False  # losses weighted so that every class counts alike
    balance: bool = False  # every class drawn equally often
    keep: Literal["best", "last"] = "best"  # weights of the best epoch, or of the last
    best_by: Literal["loss", "accuracy", "auc", "macro_f1"] = "loss"  # on validation
    patience: Count | None = None  # stops after so many epochs without a better one

    @model_validator(mode="after")
    def _fits(self) -> "Training":
        if self.drop and self.cosine:
            raise ValueError("drop and cosine are two schedules; choose one")
        if self.cosine and self.cosine.warm_up >= self.epochs:
            raise ValueError(f"cosine.warm_up: all of the {self.epochs} epochs; leave some to train in")
        if self.class_weights and self.balance:
            raise ValueError("class_weights and balance do the same; choose one")
        return self


class SliceTraining(Training):
    slices: Count | None = None  # drawn at random from every scan in every epoch; null: all
    # What slices of a diseased scan count as that are marked free of lesions: M3Lung-Sys leaves them out.
    free: Literal["leave_out", "healthy"] = "leave_out"
    augmentation: Augmentation = Augmentation()
    phases: tuple[Phase, ...] = ()  # empty: one, with nothing frozen

    @model_validator(mode="after")
    def _phases_are_all(self) -> "SliceTraining":
        if self.phases and sum(phase.epochs for phase in self.phases) != self.epochs:
            raise ValueError(
                f"phases: their epochs add up to {sum(phase.epochs for phase in self.phases)}, epochs is {self.epochs}"
            )
        if self.phases and self.patience:
            raise ValueError("patience: it would end all phases with the first; leave it out")
        shortest = min((phase.epochs for phase in self.phases), default=self.epochs)
        if self.cosine and self.cosine.warm_up >= shortest:
            raise ValueError(f"cosine.warm_up: every phase warms up, and one has {shortest} epochs in all")
        return self


class PatientTraining(Training):
    # Features of training scans come from slice networks that did not train on them; null: from the one that did.
    out_of_fold: Annotated[int, Field(ge=2)] | None = None
