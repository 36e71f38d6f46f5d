(* Rows: one for each sequence of the batch B. Products of rows with a matrix (to, from), elementwise functions, their derivatives
   and adjoints: what a step of any cell is made of. *)
From BPTT Require Export Derivative Activations.
From Coq Require Import List Reals Lra.
Import ListNotations.

Section AnyNumbers.
Context {K : Type} {N : Numbers K} {B I H : indices}.
Local Open Scope number_scope.

(* y Wᵀ + b *)
Definition affine (y : B -> I -> K) (W : H -> I -> K) (b : H -> K) : B -> H -> K := fun s i => sum I (fun j => y s j * W i j) + b i.

(* d W, what reaches y *)
Definition through (d : B -> H -> K) (W : H -> I -> K) : B -> I -> K := fun s j => sum H (fun i => d s i * W i j).

(* dᵀ y, summed over the batch: the gradient of W *)
Definition pooled (d : B -> H -> K) (y : B -> I -> K) : H -> I -> K := fun i j => sum B (fun s => d s i * y s j).

(* d summed over the batch: the gradient of b *)
Definition pooled_bias (d : B -> H -> K) : H -> K := fun i => sum B (fun s => d s i).
End AnyNumbers.

Open Scope R_scope.

(* A statement about the entry of every row and unit. *)
Lemma derivative_rows {V : space} {B H : indices} (f : V -> Matrix B H) x (D : V -> Matrix B H) :
  (forall b k, In b B -> In k H -> derivative (fun y => f y b k : Real) x (fun v => D v b k)) -> derivative f x D.
Proof.
  intros h. apply (derivative_power B (fun b y => f y b) x (fun b v => D v b)). intros b listed.
  apply (derivative_power H (fun k y => f y b k : Real) x (fun k v => D v b k)). auto.
Qed.

Lemma derivative_entry {V : space} {B H : indices} (f : V -> Matrix B H) x (D : V -> Matrix B H) b k :
  derivative f x D -> In b B -> In k H -> derivative (fun y => f y b k : Real) x (fun v => D v b k).
Proof.
  intros d here there. apply (derivative_chain (fun y => f y b : Vector H) (fun r : Vector H => r k : Real) x (fun v => D v b) 
    (fun r : Vector H => r k)).
  - apply (derivative_chain f (fun m : Matrix B H => m b : Vector H) x D (fun m : Matrix B H => m b) d).
    now apply derivative_linear, linear_entry.
  - now apply derivative_linear, linear_entry.
Qed.

Section Lines.
Context {V : space} {B I H : indices}.
Implicit Types (f g D E : V -> Matrix B H) (x : V).

Lemma derivative_minus (f g D E : V -> Real) x :
  derivative f x D -> derivative g x E -> derivative (fun y => f y - g y : Real) x (fun v => D v - E v).
Proof.
  intros df dg. pose proof (derivative_add f (fun y => -1 * g y : Real) x D (fun v => 0 * g x + -1 * E v) df) as h.
  eapply derivative_ext; [| | apply h]; [intros y; apply same_real; cbn; ring | intros v; apply same_real; cbn; ring |].
  apply (derivative_mul (fun _ => -1 : Real) g x (fun _ => 0)); auto. apply (derivative_constant (-1 : Real)).
Qed.

Lemma rows_plus f g x D E :
  derivative f x D -> derivative g x E ->
  derivative (fun y => (fun b k => f y b k + g y b k) : Matrix B H) x (fun v b k => D v b k + E v b k).
Proof. intros. apply (derivative_add f g x D E); auto. Qed.

Lemma rows_minus f g x D E :
  derivative f x D -> derivative g x E ->
  derivative (fun y => (fun b k => f y b k - g y b k) : Matrix B H) x (fun v b k => D v b k - E v b k).
Proof. intros df dg. apply derivative_rows. intros b k here there. apply derivative_minus; now apply derivative_entry. Qed.

Lemma rows_times f g x D E :
  derivative f x D -> derivative g x E ->
  derivative (fun y => (fun b k => f y b k * g y b k) : Matrix B H) x (fun v b k => D v b k * g x b k + f x b k * E v b k).
Proof.
  intros df dg. apply derivative_rows. intros b k here there.
  apply (derivative_mul (fun y => f y b k) (fun y => g y b k) x (fun v => D v b k) (fun v => E v b k)); now apply derivative_entry.
Qed.

(* Where the activation has a slope at what it reads. *)
Lemma rows_activation (s : activation R) f x D :
  (forall b k, In b B -> In k H -> smooth_at s (f x b k)) -> derivative f x D ->
  derivative (fun y => (fun b k => value s (f y b k)) : Matrix B H) x (fun v b k => slope s (value s (f x b k)) * D v b k).
Proof.
  intros smooth d. apply derivative_rows. intros b k here there.
  apply (derivative_chain (fun y => f y b k : Real) 
    (value s : Real -> Real) x (fun v => D v b k) (fun v => slope s (value s (f x b k)) * v));
    [now apply derivative_entry | now apply derivative_number, smooth].
Qed.

Lemma rows_affine (y : V -> Matrix B I) (W : V -> Matrix H I) (b : V -> Vector H) x y' W' b' :
  derivative y x y' -> derivative W x W' -> derivative b x b' ->
  derivative (fun e => affine (y e) (W e) (b e) : Matrix B H) x
    (fun v s i => sum I (fun j => y' v s j * W x i j + y x s j * W' v i j) + b' v i).
Proof.
  intros dy dW db. apply derivative_rows. intros s i here there.
  apply (derivative_add (fun e => sum I (fun j => y e s j * W e i j) : Real) (fun e => b e i : Real) x
           (fun v => sum I (fun j => y' v s j * W x i j + y x s j * W' v i j)) (fun v => b' v i)).
  - apply (derivative_sum I (fun j e => y e s j * W e i j : Real) (fun j v => y' v s j * W x i j + y x s j * W' v i j) x).
    intros j listed. apply (derivative_mul (fun e => y e s j) (fun e => W e i j) x (fun v => y' v s j) (fun v => W' v i j));
      now apply derivative_entry.
  - apply (derivative_chain b (fun r : Vector H => r i : Real) x b' (fun r : Vector H => r i) db).
    now apply derivative_linear, linear_entry.
Qed.
End Lines.

Lemma dot_rows {B H : indices} (u v : Matrix B H) : dot u v = sum B (fun b => sum H (fun k => u b k * v b k)).
Proof.
  rewrite (dot_power B (Vector H)). apply sum_ext. intros. rewrite (dot_power H Real). apply sum_ext. intros. apply dot_real.
Qed.

(* The three gradients of y Wᵀ + b. *)
Lemma dot_affine {B I H : indices} (d : Matrix B H) (y y' : Matrix B I) (W W' : Matrix H I) (b' : Vector H) :
  sum B (fun s => sum H (fun i => d s i * (sum I (fun j => y' s j * W i j + y s j * W' i j) + b' i)))
  = dot (through d W : Matrix B I) y' + dot (pooled d y : Matrix H I) W' + dot (pooled_bias d : Vector H) b'.
Proof.
  rewrite !dot_rows. unfold through, pooled, pooled_bias. reals.
  rewrite (dot_power H Real).
  rewrite (sum_ext H (fun i => dot _ _) (fun i => sum B (fun s => d s i * b' i))) by (intros; rewrite dot_real; symmetry;
    apply sum_scale_r).
  rewrite (sum_swap H B).
  rewrite (sum_ext H (fun k => sum I (fun j => sum B (fun s => d s k * y s j) * W' k j)) (fun k => sum B (fun s => sum I 
    (fun j => d s k * y s j * W' k j)))).
  2: { intros k _. rewrite sum_swap. apply sum_ext. intros. symmetry. apply sum_scale_r. }
  rewrite (sum_swap H B). rewrite <- !sum_add. apply sum_ext. intros s _.
  rewrite (sum_ext I (fun j => sum H (fun i => d s i * W i j) * y' s j) (fun j => sum H (fun i => d s i * W i j * y' s j)))
    by (intros; symmetry; apply sum_scale_r).
  rewrite (sum_swap I H). rewrite <- !sum_add. apply sum_ext. intros i _.
  rewrite Rmult_plus_distr_l, <- sum_scale_l, <- sum_add. f_equal. apply sum_ext. intros. ring.
Qed.

(* The same without a bias. *)
Lemma rows_product {V : space} {B I H : indices} (y : V -> Matrix B I) (W : V -> Matrix H I) x y' W' :
  derivative y x y' -> derivative W x W' ->
  derivative (W := Matrix B H) (fun e s i => sum I (fun j => y e s j * W e i j)) x
    (fun v s i => sum I (fun j => y' v s j * W x i j + y x s j * W' v i j)).
Proof.
  intros dy dW.
  apply (derivative_ext (W := Matrix B H) _ _ x _ _) with (3 := rows_affine y W (fun _ => vzero) x y' W' _ dy dW 
    (derivative_constant (vzero : Vector H) x)).
  - intros e. apply same_power. intros s _. apply same_power. intros i _. apply same_real. apply Rplus_0_r.
  - intros v. apply same_power. intros s _. apply same_power. intros i _. apply same_real. apply Rplus_0_r.
Qed.

Lemma dot_product {B I H : indices} (d : Matrix B H) (y y' : Matrix B I) (W W' : Matrix H I) :
  dot (V := Matrix B H) d (fun s i => sum I (fun j => y' s j * W i j + y s j * W' i j))
  = dot (V := Matrix B I) (through d W) y' + dot (V := Matrix H I) (pooled d y) W'.
Proof.
  pose proof (dot_affine d y y' W W' (fun _ => 0)) as affine.
  rewrite (dot_zero_r (V := Vector H)), Rplus_0_r in affine. rewrite <- affine, dot_rows. apply sum_ext. intros. apply sum_ext. intros.
    ring.
Qed.
