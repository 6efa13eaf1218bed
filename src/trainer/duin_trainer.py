"""Du-IN's trainers."""

from src.trainer.main_trainer import MainTrainer


class DuinClassifierTrainer(MainTrainer):
    """Word classification; nothing differs from classification but what the model does."""
