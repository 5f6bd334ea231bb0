# Sets ORRERY_CUDA: whether nvcc and the headers and libraries of cudart, cublasLt and NCCL are there. With it,
# ORRERY_NVCC is the compiler, CUDAToolkit_INCLUDE_DIRS and ORRERY_NCCL_INCLUDE are the headers, and the libraries are
# CUDA::cudart, CUDA::cublasLt and ORRERY_NCCL_LIBRARY. Nothing links the driver: without a GPU it is not there.
option(ORRERY_WITH_CUDA "Build the CUDA plug-in and its tests where a CUDA Toolkit is found" ON)
set(ORRERY_CUDA OFF)
if(ORRERY_WITH_CUDA AND NOT ORRERY_SANITIZE)
  find_package(CUDAToolkit 13 QUIET)
  if(CUDAToolkit_FOUND)
    find_path(ORRERY_NCCL_INCLUDE nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
    find_library(ORRERY_NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR})
    set(ORRERY_NVCC ${CUDAToolkit_NVCC_EXECUTABLE})
    if(ORRERY_NVCC AND TARGET CUDA::cudart AND TARGET CUDA::cublasLt AND ORRERY_NCCL_INCLUDE AND ORRERY_NCCL_LIBRARY)
      set(ORRERY_CUDA ON)
    endif()
  endif()
  if(NOT ORRERY_CUDA)
    message(STATUS "CUDA: no Toolkit 13 with cublasLt and NCCL found, the CUDA plug-in is not built")
  endif()
endif()
