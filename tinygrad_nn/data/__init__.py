"""Data sets, the files they come in, and batches of them.

`Dataset` holds examples and targets; `DataLoader` serves them in batches, of it or of any object
with `__getitem__` and `__len__`. Built in are the handwritten digits (`load_digits`, no files
needed) and a few computed sets; MNIST is read from files or downloaded on request, and one's own
data from CSV, NPZ, folders of images and text. `tinygrad_nn.data.transforms` augments images.
"""

from tinygrad_nn.data import transforms as transforms
from tinygrad_nn.data.collate import *
from tinygrad_nn.data.csv_table import *
from tinygrad_nn.data.dataset import *
from tinygrad_nn.data.digits import *
from tinygrad_nn.data.fetching import *
from tinygrad_nn.data.handwriting import *
from tinygrad_nn.data.idx import *
from tinygrad_nn.data.image_folder import *
from tinygrad_nn.data.loader import *
from tinygrad_nn.data.map_style import *
from tinygrad_nn.data.mnist import *
from tinygrad_nn.data.mnist_download import *
from tinygrad_nn.data.npz_file import *
from tinygrad_nn.data.parting import *
from tinygrad_nn.data.samplers import *
from tinygrad_nn.data.synthetic import *
from tinygrad_nn.data.text import *
from tinygrad_nn.data.vocabulary import *
