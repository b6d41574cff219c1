"""Transforms of examples and batches: scaling, cropping, warping, noise, mixing.

Each is a small frozen object that is called with an array and, if it draws, with a generator:
`RandomRotate(15)(image, rng)`. Give one to `DataLoader(transform=)` to transform whole batches at
once, or to `TransformedDataset` to transform example by example. All interpolation is NumPy's.
"""

from tinygrad_nn.data.transforms.base import *
from tinygrad_nn.data.transforms.mixing import *
from tinygrad_nn.data.transforms.noise import *
from tinygrad_nn.data.transforms.placing import *
from tinygrad_nn.data.transforms.scaling import *
from tinygrad_nn.data.transforms.warping import *

_TORCHVISION = {
    "CenterCrop": "cut it: Lambda(lambda x: x[..., 4:-4, 4:-4])",
    "ColorJitter": "write Compose([RandomBrightness(0.2), RandomContrast(0.2)])",
    "ConvertImageDtype": "write ToFloat()",
    "Grayscale": "write ImageFolder(path, gray=True)",
    "RandomHorizontalFlip": "write RandomFlip()",
    "RandomResizedCrop": "write Compose([RandomScale((1.0, 1.5)), RandomCrop(size)])",
    "RandomRotation": "write RandomRotate(degrees)",
    "RandomVerticalFlip": "write RandomFlip(direction='vertical')",
    "Resize": "write ImageFolder(path, size=side)",
    "ToTensor": "leave it out: images are float32 from 0 to 1, (C, H, W); of bytes ToFloat()",
}


def __getattr__(name: str) -> object:
    """Explain the names of torchvision that are not here."""
    advice = _TORCHVISION.get(name)
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}" + (f"; {advice}" if advice else "")
    )
