"""Where every voxel lies: grids, stacks, placement of segmentations."""
