"""A line through samples, and whether it is flat."""


def line(points):
    """(slope, value at the first point) by least squares through (x, y)."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    return slope, mean_y + slope * (points[0][0] - mean_x)


def second_half(points):
    """What was sampled in the second half of the time."""
    middle = (points[0][0] + points[-1][0]) / 2
    return [point for point in points if point[0] >= middle]


def verdict(points, share, least):
    """(growth over the second half along the line, share of the level, flat or not): flat is a growth of at most
    SHARE of the level, or of at most LEAST, whichever allows more. Falling is flat."""
    half = second_half(points)
    slope, level = line(half)
    growth = slope * (half[-1][0] - half[0][0])
    return growth, growth / level if level else 0.0, growth <= max(share * level, least)
