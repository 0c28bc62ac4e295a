"""Who hears whom."""

from typing import TYPE_CHECKING, Any

from ._axes import BLUE, GREY, VERMILLION, Axes, add_title, prepare

if TYPE_CHECKING:
    from .._container import Graph
else:
    Graph = Any


_BLANK: Any = dict(facecolor="white", edgecolor="none", pad=1)  # nothing is read across a line


def graph(model: Graph, *, title: str | None = None, ax: Axes | None = None) -> Axes:
    """Draws the nodes of a `Graph` in the order in which they run, to the right, and its edges as arrows.

    Inputs and outputs stand at the ends. An arrow that carries something older than this step is orange and bent, and
    says how old.

    **Arguments:**

    - `model`: the graph.
    - `title`, `ax`: what to write above, and the axes to draw into (a new figure if `None`).

    **Returns:** the axes.

    ```python
    import equinox as eqx, jax, snnjax as snn
    back = eqx.nn.Linear(4, 4, key=jax.random.key(0))
    edges = [("input", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")]
    ax = snn.plot.graph(snn.Graph({"lif": snn.LIF(), "back": back}, edges))
    ```
    """
    lines = [(line.source.partition(".")[0], line.target.partition(".")[0], line.delay) for line in model.connections()]
    places = _places(model, lines)
    columns = 1 + max(x for x, _ in places.values())
    rows = 1 + max(y for _, y in places.values())
    ax = prepare(ax, height=1.0 + 0.9 * rows, width=1.5 + 1.4 * columns)
    for name, (x, y) in places.items():
        colour = BLUE if name in model.nodes else GREY
        box: Any = dict(boxstyle="round,pad=0.4", facecolor="white", edgecolor=colour)
        ax.text(x, -y, name, ha="center", va="center", bbox=box, zorder=3)
    for source, target, delay in lines:
        _arrow(ax, places[source], places[target], "" if delay is None else delay.age)
    ax.set_xlim(-0.6, columns - 0.4)
    ax.set_ylim(-rows + 0.2, 0.8)
    ax.axis("off")
    add_title(ax, title)
    return ax


def _arrow(ax: Axes, start: tuple[int, int], end: tuple[int, int], age: str) -> None:
    (x0, y0), (x1, y1) = start, end
    straight = not age and x1 == x0 + 1
    bend = 0.0 if straight else -0.3 if x1 <= x0 else 0.3
    if start == end:  # a loop above the node
        x0, x1, bend = x0 - 0.15, x1 + 0.15, -1.5
    style: Any = dict(
        arrowstyle="-|>", color=VERMILLION if age else GREY, connectionstyle=f"arc3,rad={bend}", shrinkA=14, shrinkB=14
    )
    ax.annotate("", xy=(x1, -y1), xytext=(x0, -y0), arrowprops=style, zorder=2)
    if age:
        middle = -(y0 + y1) / 2 + bend * (x0 - x1) / 2 if start != end else -y0 + 0.45
        ax.text((x0 + x1) / 2, middle, age, color=VERMILLION, fontsize="small", ha="center", va="center", bbox=_BLANK)


def _places(model: Graph, lines: list) -> dict[str, tuple[int, int]]:
    """A column and a row for every name: one column after what is heard in the same step."""
    columns = dict.fromkeys(model.inputs, 0)
    for name in model.run_order:
        heard = [columns[source] for source, target, _ in lines if target == name and source in columns]
        columns[name] = 1 + max(heard, default=0)
    columns.update(dict.fromkeys(model.outputs, 1 + max(columns.values())))
    taken: dict[int, int] = {}
    places = {}
    for name, column in columns.items():
        places[name] = column, taken.get(column, 0)
        taken[column] = places[name][1] + 1
    return places
