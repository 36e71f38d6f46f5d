(* The adjoint of a derivative: what back-propagation computes.

   `adjoint f x g`: g takes a gradient by f x to the gradient by x. That is what SPEC writes as dx from dy. *)
From Coq Require Import List Reals Lra.
From BPTT Require Export Derivative.
Import ListNotations.
Open Scope R_scope.

Definition adjoint {V W : space} (f : V -> W) (x : V) (g : W -> V) : Prop :=
  exists D, derivative f x D /\ forall u v, dot u (D v) = dot (g u) v.

(* A function with numbers as values has a gradient: the partial derivatives, side by side (see `gradient_along`). *)
Definition gradient {V : space} (f : V -> Real) (x : V) (d : V) : Prop := derivative f x (fun v => dot d v).

Lemma adjoint_gradient {V : space} (f : V -> Real) x g : adjoint f x g -> gradient f x (g 1).
Proof.
  intros [D [d dual]]. apply (derivative_ext f f x D); auto; [easy |]. intros v. apply same_real.
  rewrite <- dual, dot_real. symmetry. apply Rmult_1_l.
Qed.

(* Along each direction v, at the step s = 0, the slope of f is the inner product with v. *)
Lemma gradient_along {V : space} (f : V -> Real) x d v :
  gradient f x d -> derivable_pt_lim (fun s => f (vadd x (vscale s v))) 0 (dot d v).
Proof.
  intros g. apply (derivative_along f x (fun v => dot d v) (fun s => vadd x (vscale s v)) 0 v g).
  intros s c here. coords. ring.
Qed.

(* There is one gradient at most. *)
Theorem gradient_unique {V : space} (f : V -> Real) x d e : gradient f x d -> gradient f x e -> same d e.
Proof.
  intros g h. apply dot_same_all. intros v.
  exact (uniqueness_limite _ _ _ _ (gradient_along f x d v g) (gradient_along f x e v h)).
Qed.

Lemma adjoint_ext {V W : space} (f f' : V -> W) x g g' :
  (forall y, same (f y) (f' y)) -> (forall u, same (g u) (g' u)) -> adjoint f x g -> adjoint f' x g'.
Proof.
  intros e h [D [d dual]]. exists D. split; [now apply (derivative_ext f f' x D) |].
  intros u v. rewrite dual. apply dot_same; [apply h | easy].
Qed.

(* The chain rule: forward f, then k; backward h, then g. *)
Theorem adjoint_chain {U V W : space} (f : U -> V) (k : V -> W) x g h :
  adjoint f x g -> adjoint k (f x) h -> adjoint (fun y => k (f y)) x (fun u => g (h u)).
Proof.
  intros [D [d dual]] [E [e dual']]. exists (fun v => E (D v)). split; [now apply (derivative_chain f k) |].
  intros u v. now rewrite dual', dual.
Qed.

Theorem gradient_chain {V W : space} (f : V -> W) (k : W -> Real) x g d :
  adjoint f x g -> gradient k (f x) d -> gradient (fun y => k (f y)) x (g d).
Proof.
  intros [D [df dual]] dk.
  apply (derivative_ext (fun y => k (f y)) (fun y => k (f y)) x (fun v => dot d (D v)) _ (fun _ => same_refl _)).
  - intros v. apply same_real, dual.
  - apply (derivative_chain f k x D (fun v => dot d v) df dk).
Qed.

(* What reads the same thing twice: the gradients add up. *)
Lemma adjoint_pair {U V W : space} (f : U -> V) (k : U -> W) x g h :
  adjoint f x g -> adjoint k x h -> adjoint (fun y => (f y, k y) : Pair V W) x (fun u => vadd (g (fst u)) (h (snd u))).
Proof.
  intros [D [d dual]] [E [e dual']]. exists (fun v => (D v, E v)). split; [now apply derivative_pair |].
  intros u v. rewrite dot_pair, dot_add_l. cbn. now rewrite dual, dual'.
Qed.

Lemma adjoint_linear {V W : space} (f : V -> W) x g : linear f -> (forall u v, dot u (f v) = dot (g u) v) -> adjoint f x g.
Proof. intros lin dual. exists f. split; [now apply derivative_linear | exact dual]. Qed.

Lemma adjoint_identity {V : space} (x : V) : adjoint (fun v => v) x (fun u => u).
Proof. apply adjoint_linear; [apply linear_identity | easy]. Qed.

Lemma adjoint_constant {V W : space} (k : W) (x : V) : adjoint (fun _ => k) x (fun _ => vzero).
Proof. exists (fun _ => vzero). split; [apply derivative_constant |]. intros. now rewrite dot_zero_l, dot_zero_r. Qed.

Lemma adjoint_fst {V W : space} (x : Pair V W) : adjoint (fun v : Pair V W => fst v) x (fun u => (u, vzero)).
Proof. apply adjoint_linear; [apply linear_fst |]. intros u v. rewrite dot_pair. cbn. rewrite dot_zero_l. ring. Qed.

Lemma adjoint_snd {V W : space} (x : Pair V W) : adjoint (fun v : Pair V W => snd v) x (fun u => (vzero, u)).
Proof. apply adjoint_linear; [apply linear_snd |]. intros u v. rewrite dot_pair. cbn. rewrite dot_zero_l. ring. Qed.

(* Two functions beside each other. *)
Lemma adjoint_beside {U V W X : space} (f : U -> W) (k : V -> X) x y g h :
  adjoint f x g -> adjoint k y h ->
  adjoint (fun p : Pair U V => (f (fst p), k (snd p)) : Pair W X) (x, y) (fun u => (g (fst u), h (snd u))).
Proof.
  intros df dk. eapply adjoint_ext; [easy | |].
  2: { apply (adjoint_pair (fun p : Pair U V => f (fst p)) (fun p : Pair U V => k (snd p)) (x, y)).
       - apply (adjoint_chain (fun p : Pair U V => fst p) f (x, y) _ _ (adjoint_fst _) df).
       - apply (adjoint_chain (fun p : Pair U V => snd p) k (x, y) _ _ (adjoint_snd _) dk). }
  intros u. apply same_pair. cbn. split; intros c here; coords; ring.
Qed.

(* One function for each index: each row, unit or step by itself. *)
Lemma adjoint_each {A : indices} {V W : space} (f : A -> V -> W) (x : Power A V) (g : A -> W -> V) :
  (forall i, In i A -> adjoint (f i) (x i) (g i)) ->
  adjoint (fun y : Power A V => (fun i => f i (y i)) : Power A W) x (fun u i => g i (u i)).
Proof.
  intros each.
  assert (choice : exists D : A -> V -> W, forall i, In i A -> derivative (f i) (x i) (D i) /\ forall u v, dot u (D i v) = dot (g i u) v).
  { revert each. generalize (listed_once A). generalize (listed A) at 1 2 3. intros l once. induction once as [| i l fresh once IH]; intros each.
    - exists (fun _ _ => vzero). intros i [].
    - destruct IH as [D h]; [intros; apply each; now right |]. destruct (each i) as [E e]; [now left |].
      exists (fun j => if index_dec j i then E else D j). intros j listed. destruct (index_dec j i) as [-> | other]; auto.
      apply h. destruct listed; [now symmetry in H | assumption]. }
  destruct choice as [D h]. exists (fun v i => D i (v i)). split.
  - apply (derivative_power A (fun i (y : Power A V) => f i (y i)) x (fun i v => D i (v i))). intros i listed.
    apply (derivative_chain (fun y : Power A V => y i) (f i) x (fun v => v i) (D i)); [now apply derivative_linear, linear_entry | now apply h].
  - intros u v. rewrite !dot_power. apply sum_ext. intros i listed. now apply h.
Qed.
